"""The tables of alerts as SQLAlchemy sees them: problems, and the outbox of messages about them. No queries here."""

from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, Integer, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from flybill_pipeline.stores.postgres.tables import metadata


def message_columns() -> list[Column[object]]:
    """A message on its way: written down with what it tells in one transaction, then sent until it arrives."""
    return [
        Column("subject", Text, nullable=False),
        Column("body", Text, nullable=False),
        Column("created_at", DateTime(timezone=True), nullable=False),
        Column("sent_at", DateTime(timezone=True)),
        Column("attempts", Integer, nullable=False, server_default="0"),
        Column("next_attempt_at", DateTime(timezone=True), nullable=False),
        Column("error", Text),
    ]


problems = Table(  # what a person should know of: one open row for each key, kept when it is resolved
    "problems",
    metadata,
    Column("problem_id", BigInteger, Identity(always=True), primary_key=True),
    Column("key", Text, nullable=False),
    Column("content", JSONB, nullable=False),  # title, what, who, cost, remedy, severity: as last seen
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("resolved_at", DateTime(timezone=True)),
    Column("told", Text),  # what the last message said of it: opened, resolved
    Column("told_at", DateTime(timezone=True)),
)
Index("problems_open", problems.c.key, unique=True, postgresql_where=problems.c.resolved_at.is_(None))

alert_outbox = Table(  # messages to operators, one for each channel
    "alert_outbox",
    metadata,
    Column("alert_id", BigInteger, Identity(always=True), primary_key=True),
    Column("channel", Text, nullable=False),
    *message_columns(),
)
Index("alert_outbox_unsent", alert_outbox.c.next_attempt_at, postgresql_where=alert_outbox.c.sent_at.is_(None))

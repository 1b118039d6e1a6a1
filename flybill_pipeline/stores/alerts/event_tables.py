"""The table of events for the platform as SQLAlchemy sees it. Triggers of the schema write it; no queries here."""

from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, Integer, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from flybill_pipeline.stores.postgres.tables import metadata

events = Table(  # the outbox: in the order of their numbers for each organization; deleted a while after delivery
    "events",
    metadata,
    Column("event_no", BigInteger, Identity(always=True), primary_key=True),
    Column("event_id", Text, nullable=False, unique=True),  # derived, so that a receiver can drop repeats
    Column("type", Text, nullable=False),
    Column("org_id", Text, nullable=False),  # no foreign key: usage may name an org that nobody imported
    Column("month", Text),
    Column("subject", Text, nullable=False),  # the id of what it is about
    Column("fact", JSONB, nullable=False),  # what was known in the transaction
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("data", JSONB),  # what is sent: made when it is first sent, then kept
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_attempt_at", DateTime(timezone=True)),  # null: at once
    Column("attempted_at", DateTime(timezone=True)),
    Column("status", Integer),  # of the receiver's last answer; null: there was none
    Column("error", Text),
    Column("delivered_at", DateTime(timezone=True)),
    Column("given_up_at", DateTime(timezone=True)),
    Column("replays", Integer, nullable=False, server_default="0"),
    Index("events_org", "org_id", "event_no"),
    Index("events_done", "occurred_at"),
)
told_events = Table(  # the ids of events that were deleted: none is written again
    "told_events", metadata, Column("event_id", Text, primary_key=True)
)
_waits = events.c.delivered_at.is_(None) & events.c.given_up_at.is_(None)
Index("events_waiting", events.c.org_id, events.c.event_no, postgresql_where=_waits)

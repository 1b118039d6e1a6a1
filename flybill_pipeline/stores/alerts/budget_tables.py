"""The tables of budgets as SQLAlchemy sees them: what was told of them, and mail to customers. No queries here."""

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Index, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from flybill_pipeline.stores.alerts.tables import message_columns
from flybill_pipeline.stores.postgres.tables import metadata, recorded_at

budget_warnings = Table(  # insert only: each mark of a budget that was passed, once; what was told is never taken back
    "budget_warnings",
    metadata,
    Column("warning_id", Text, primary_key=True),  # derived, see billing's budgets.py
    Column("org_id", Text, ForeignKey("flybill.organizations.org_id"), nullable=False),
    Column("month", Text, nullable=False),
    Column("budget_id", Text, nullable=False),
    Column("scope", JSONB, nullable=False),
    Column("kind", Text, nullable=False),  # threshold, forecast, jump
    Column("mark", Text, nullable=False),  # the percent, or the day
    Column("budget_minor", BigInteger, nullable=False),
    Column("spent_minor", BigInteger, nullable=False),
    Column("forecast_minor", BigInteger),
    Column("currency", Text, nullable=False),
    Column("message", Text, nullable=False),  # as the customer reads it
    Column("told_at", DateTime(timezone=True), nullable=False),
    recorded_at(),
    Index("budget_warnings_org", "org_id", "month"),
)

customer_mails = Table(  # mail to customers
    "customer_mails",
    metadata,
    Column("mail_id", Text, primary_key=True),  # derived from what it tells
    Column("org_id", Text, ForeignKey("flybill.organizations.org_id"), nullable=False),
    *message_columns(),
)
Index("customer_mails_unsent", customer_mails.c.next_attempt_at, postgresql_where=customer_mails.c.sent_at.is_(None))

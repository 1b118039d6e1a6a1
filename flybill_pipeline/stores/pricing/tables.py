"""The tables of what months are priced from, as SQLAlchemy sees them. No queries here."""

from sqlalchemy import Column, DateTime, Index, SmallInteger, Table, Text, func
from sqlalchemy.dialects.postgresql import JSONB

from flybill_pipeline.stores.postgres.tables import metadata, recorded_at

pricing_bases = Table(  # what a draft priced each service month from; those of settled months stay
    "pricing_bases",
    metadata,
    Column("month", Text, primary_key=True),
    Column("org_id", Text, primary_key=True),
    Column("service_month", Text, primary_key=True),
    Column("shard", SmallInteger, nullable=False),
    Column("usage_version", Text, nullable=False),
    Column("usage_fingerprint", Text, nullable=False),
    Column("terms", Text, nullable=False),
    Column("contract", Text),
    Column("currency", Text),
    Column("discounts", JSONB),  # the ids of those that held in the service month; null: settled before they were kept
    Column("priced_at", DateTime(timezone=True), nullable=False),
    Index("pricing_bases_service_month", "service_month", "shard"),
)

too_late_usage = Table(  # service months of which usage came when no invoice could bill it any more
    "too_late_usage",
    metadata,
    Column("month", Text, primary_key=True),
    Column("org_id", Text, primary_key=True),
    Column("service_month", Text, primary_key=True),
    Column("shard", SmallInteger, nullable=False),
    Column("noticed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

pricing_inputs = Table(  # insert only: what drafts were priced from; the same inputs are one row
    "pricing_inputs",
    metadata,
    Column("inputs_id", Text, primary_key=True),
    Column("month", Text, nullable=False),
    Column("days", JSONB, nullable=False),  # {day: version of its usage}, of every compiled day up to the month's last
    Column("books", JSONB, nullable=False),  # {currency: fingerprint of the books in force}
    recorded_at(),
)

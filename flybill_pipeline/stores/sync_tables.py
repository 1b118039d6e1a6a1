"""What the sync keeps beside its rows, as SQLAlchemy sees it: the breaker, the runs under way. No queries here."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Identity, Index, Integer, SmallInteger, Table, Text, text

from flybill_pipeline.stores.tables import metadata

stripe_breaker = Table(  # one row for each time that calls to Stripe were stopped for everybody; at most one is open
    "stripe_breaker",
    metadata,
    Column("breaker_id", BigInteger, Identity(always=True), primary_key=True),
    Column("cause", Text, nullable=False),  # outage, refused
    Column("code", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("remedy", Text, nullable=False),
    Column("request_id", Text),
    Column("key_mark", Text, nullable=False),  # of the API key that was used last: another one is tried at once
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("next_probe_at", DateTime(timezone=True), nullable=False),
    Column("probes", Integer, nullable=False, server_default="0"),
    Column("is_open", Boolean, nullable=False, server_default="true"),
    Column("closed_at", DateTime(timezone=True)),
    Index("stripe_breaker_open", "is_open", unique=True, postgresql_where=text("is_open")),
)

stripe_sync_runs = Table(  # the heartbeat of each run of the sync, written every second or so while it lasts
    "stripe_sync_runs",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("month", Text, nullable=False),
    Column("shard", SmallInteger),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("beat_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("calls", Integer, nullable=False),
    Column("rate_limited", Integer, nullable=False),
    Column("calls_per_minute", Integer, nullable=False),
    Column("endpoint_per_minute", Integer, nullable=False),  # the limits that the run keeps to
    Column("account_per_minute", Integer, nullable=False),
    Index("stripe_sync_runs_month", "month", "beat_at"),
)

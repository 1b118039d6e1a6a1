"""What is kept of looks into tables of engines, as SQLAlchemy sees it. No queries here: ledger.py."""

from sqlalchemy import BigInteger, Column, Date, DateTime, Table, Text

from flybill_pipeline.stores.postgres.tables import metadata

pulled_tables = Table(
    "pulled_tables",
    metadata,
    Column("source", Text, primary_key=True),
    Column("mapping_hash", Text, nullable=False),
    Column("watermark", Text),
    Column("pulled_at", DateTime(timezone=True), nullable=False),
    Column("compared_at", DateTime(timezone=True)),  # when all days were last found to be as they came, or taken anew
)
pulled_days = Table(
    "pulled_days",
    metadata,
    Column("source", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("mapping_hash", Text, nullable=False),
    Column("rows", BigInteger, nullable=False),  # that the engine had, those that do not count too
    Column("digest", Text),  # of these rows, as the engine adds it up; none was taken before 0055
    Column("elsewhere", BigInteger, nullable=False, server_default="0"),  # of these rows: repeats of another day's
    Column("watermark", Text),  # up to which the table was looked at when the totals were taken
    Column("pulled_at", DateTime(timezone=True), nullable=False),
)

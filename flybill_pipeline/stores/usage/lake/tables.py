"""The catalog of the usage lake as SQLAlchemy sees it: files, pieces, each day's manifest. No queries here.

The Parquet files are immutable; these three small tables say which of them count. A row is written only after the
files that it names are in place, so a crash leaves files that nobody reads, never a row without its file.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

from flybill_pipeline.stores.postgres.tables import metadata

landed_files = Table(  # every file ever seen in the landing zone; `arrival` orders them for good
    "landed_files",
    metadata,
    Column("arrival", BigInteger, Identity(), primary_key=True),
    Column("source", Text, nullable=False),
    Column("path", Text, nullable=False),  # below the landing zone
    Column("version", Integer, nullable=False),  # grows when the same path gets other content
    Column("size", BigInteger, nullable=False),
    Column("modified_ns", BigInteger, nullable=False),
    Column("changed_ns", BigInteger),  # when anything about the file changed; asked of broken ones only
    Column("content_hash", Text),  # of small files only
    Column("mapping_hash", Text, nullable=False),
    Column("arrived_at", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False),  # registered, taken, broken; gone: broken, then taken away
    Column("turn", BigInteger),  # grows whenever a path gets content: what restates has the later turn
    Column("rows", BigInteger),
    Column("left_out", BigInteger),  # that are no usage
    Column("records", BigInteger),  # that the reader saw
    Column("records_told", BigInteger),  # that became events, were left out or refused
    Column("quarantined", JSONB),  # {reason: rows}
    Column("quarantine_path", Text),
    Column("reason", Text),  # of a broken file
    Column("remedy", Text),
    UniqueConstraint("source", "path"),
)
_of = landed_files.c
Index("landed_files_arrivals", _of.source, _of.arrived_at, postgresql_where=_of.state == "taken")

usage_pieces = Table(  # the Parquet files that hold a landed file's good rows, one or more a day
    "usage_pieces",
    metadata,
    Column("path", Text, primary_key=True),  # below the lake
    Column("day", Date, nullable=False),
    Column("arrival", BigInteger, ForeignKey(landed_files.c.arrival), nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("compared", Boolean, nullable=False, server_default="false"),  # with the ids of all other days
    Index("usage_pieces_day", "day"),
    Index("usage_pieces_arrival", "arrival"),
)

restated_pieces = Table(  # pieces that a newer file of the whole day or month stands for, until that says so no more
    "restated_pieces",
    metadata,
    Column("path", Text, primary_key=True),
    Column("day", Date, nullable=False),
    Column("arrival", BigInteger, ForeignKey(landed_files.c.arrival), nullable=False),
    Column("rows", BigInteger, nullable=False),
)

lake_files = Table(  # every file of the lake as it was written, so that one that changed is noticed
    "lake_files",
    metadata,
    Column("path", Text, primary_key=True),  # below the lake
    Column("size", BigInteger, nullable=False),
    Column("checksum", Text, nullable=False),  # SHA-256
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

usage_exclusions = Table(  # ids that stand on this day too, but count on another
    "usage_exclusions",
    metadata,
    Column("day", Date, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
)

usage_day_versions = Table(  # insert only: every manifest that a day ever had, so that an old total can be explained
    "usage_day_versions",
    metadata,
    Column("day", Date, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("pieces", JSONB, nullable=False),
    Column("exclusions", JSONB, nullable=False),
    Column("excluded_path", Text),
    Column("rows", BigInteger, nullable=False),
    Column("duplicates", BigInteger, nullable=False),
    Column("conflicts", BigInteger, nullable=False),
    Column("too_large", BigInteger, nullable=False, server_default="0"),
    Column("replaced", BigInteger, nullable=False, server_default="0"),
    Column("aliases_path", Text),
    Column("events_waiting", BigInteger, nullable=False, server_default="0"),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

usage_days = Table(  # a day's manifest: which pieces count, less which rows
    "usage_days",
    metadata,
    Column("day", Date, primary_key=True),
    Column("version", Text, nullable=False),  # names the inputs: same version, same rows
    Column("pieces", JSONB, nullable=False),
    Column("exclusions", JSONB, nullable=False),  # [[source, event_id]] that count on another day
    Column("excluded_path", Text),
    Column("rows", BigInteger, nullable=False),  # that count
    Column("duplicates", BigInteger, nullable=False),
    Column("conflicts", BigInteger, nullable=False),
    Column("too_large", BigInteger, nullable=False, server_default="0"),  # left out, as their sum fits nowhere
    Column("replaced", BigInteger, nullable=False, server_default="0"),  # by a later row that restates them
    Column("aliases_path", Text),  # whose the aliases among the events are
    Column("aliases_known", BigInteger),  # the last change of aliases that was known
    Column("events_waiting", BigInteger, nullable=False, server_default="0"),  # of aliases that belong to nobody
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("daily_version", Text),  # the manifest's version of which `daily_path` is the rollup
    Column("daily_path", Text),
    Column("daily_groups", BigInteger),
    Column("compiled_at", DateTime(timezone=True)),
)

aliases = Table(  # insert only: whose an account, host or key of a source is, and when; the last version is in force
    "aliases",
    metadata,
    Column("change", BigInteger, Identity(), primary_key=True),
    Column("source", Text, nullable=False),  # its id
    Column("alias", Text, nullable=False),
    Column("starts_at", DateTime(timezone=True), nullable=False),
    Column("ends_at", DateTime(timezone=True)),
    Column("org_id", Text),  # none: the period was taken away
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Index("aliases_changes", "source", "change"),
    Index("aliases_periods", "alias", "source", "starts_at"),
)

"""The four tables of the namespace `usage`: columns, partitions, properties. No catalog, no files.

Columns are found by their names: the files were written by DuckDB, which numbers none. A file that is older than one
of the columns has none of it, so each may be missing.
"""

from dataclasses import dataclass

from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC, PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import DayTransform, IdentityTransform, Transform
from pyiceberg.types import (
    DateType,
    DecimalType,
    IcebergType,
    IntegerType,
    LongType,
    NestedField,
    StringType,
    TimestampType,
)

NAMESPACE = "usage"
_QUANTITY = DecimalType(38, 18)


@dataclass(frozen=True, slots=True)
class OpenTable:
    """A table as it is made."""

    name: str
    schema: Schema
    partitions: PartitionSpec

    @property
    def properties(self) -> dict[str, str]:
        """Old files of metadata go with each commit, so that a year of hours leaves no heap of them."""
        return {
            "schema.name-mapping.default": self.schema.name_mapping.model_dump_json(),
            "write.metadata.delete-after-commit.enabled": "true",
            "write.metadata.previous-versions-max": "10",
        }


def _table(name: str, by: Transform[int, int] | None, on: str, **columns: IcebergType) -> OpenTable:
    fields = [
        NestedField(place, column, kind, required=False) for place, (column, kind) in enumerate(columns.items(), 1)
    ]
    schema = Schema(*fields)
    if by is None:
        return OpenTable(name, schema, UNPARTITIONED_PARTITION_SPEC)
    day = PartitionField(schema.find_field(on).field_id, 1000, by, "service_day")
    return OpenTable(name, schema, PartitionSpec(day))


_KEY = {"org_id": StringType(), "meter": StringType(), "dimensions": StringType(), "quantity": _QUANTITY}
_PLACE = {"row": LongType(), "arrival": LongType(), "source": StringType()}

EVENTS = _table(
    "events",
    DayTransform(),
    "occurred_at",
    event_id=StringType(),
    **_KEY,
    occurred_at=TimestampType(),
    **_PLACE,
    arrived_on=DateType(),
)
LEFT_OUT = _table(
    "left_out",
    DayTransform(),
    "occurred_at",
    event_id=StringType(),
    **_KEY,
    occurred_at=TimestampType(),
    **_PLACE,
    arrived_on=DateType(),
    kind=StringType(),
)
REJECTED = _table(
    "rejected",
    None,
    "",
    **_PLACE,
    file=StringType(),
    reason=StringType(),
    message=StringType(),
    raw=StringType(),
)
DAILY = _table(
    "daily",
    IdentityTransform(),
    "day",
    shard=IntegerType(),
    day=DateType(),
    **_KEY,
    arrived_on=DateType(),
    events=LongType(),
    corrections=LongType(),
    last_event_at=TimestampType(),
)
TABLES = {table.name: table for table in (EVENTS, LEFT_OUT, REJECTED, DAILY)}
"""In the order in which they are published: totals come last, so that what they are made of is there."""

"""What the mapping of one source says, as a value. How it is written in TOML, and its faults: sources.py."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any

from flybill_pipeline.stores.usage.intake.columns import Column, Dialect, Measure, Wanted
from flybill_pipeline.stores.usage.intake.levels import Levels
from flybill_pipeline.stores.usage.intake.table_fields import UsageTable


@dataclass(frozen=True, slots=True)
class SourceMapping:
    """How the files of one source are read. `files` is a glob below the landing zone.

    `id` is part of every event's key, so it never changes; the name may. A source without one has its name as id.
    `event_id` names one column, or several whose values together identify an event in files without an id; None where
    each row is an event of its own. A row tells of one `meter` and `quantity`, or of several `measures`. Rows that do
    not fulfil `where` and `where_sql` are no usage. `records` are paths to the records within a JSON document. Where it
    `restates`, of rows with one id the last to arrive stands; a file may be the `whole` of each "day" or "month" that
    it has rows of. `null_values` are texts that mean "absent". Where it is `aliased`, `org_id` is no organization's id
    but an alias. Usage that stays in an engine comes from its `table`; `files` are the totals of its days then, and all
    else says how those are read. Quantities are changes of a level, if of any; with `levels` they are what a level is.
    """

    name: str
    format: str
    files: str
    event_id: tuple[Column, ...] | None
    org_id: Column
    meter: Column
    quantity: Column
    occurred_at: Column
    dimensions: Mapping[str, Column] = field(default_factory=dict)
    allow_negative: bool = True
    null_values: tuple[str, ...] = ()
    dialect: Dialect = field(default_factory=Dialect)
    id: str = ""
    measures: tuple[Measure, ...] = ()
    where: tuple[Wanted, ...] = ()
    records: tuple[str, ...] = ()
    restates: bool = False
    whole: str = ""
    aliased: bool = False
    table: UsageTable | None = None
    levels: Levels | None = None
    where_sql: Column | None = None

    @property
    def key(self) -> str:
        """The id under which the source's files and events are kept."""
        return self.id or self.name

    @property
    def parts(self) -> tuple[Measure, ...]:
        """What each row tells of."""
        return self.measures or (Measure(self.meter, self.quantity),)

    @property
    def sifted(self) -> bool:
        """Whether some rows may be no usage."""
        return bool(self.where or self.where_sql)

    @property
    def timed(self) -> bool:
        """Whether any quantity belongs to a moment, and is not an interval that has its own."""
        return any(part.quantity.interval is None for part in self.parts)

    def values(self) -> Iterator[Column]:
        """Every value that is read of a row."""
        yield from (*(self.event_id or ()), self.org_id)
        for part in self.parts:
            yield from (part.meter, part.quantity)
        if self.timed:
            yield self.occurred_at
        yield from self.dimensions.values()

    def column_names(self) -> list[str]:
        """Every column that files of this source must have; dimensions may be absent from a JSON object."""
        values = (*self.values(), *([self.where_sql] if self.where_sql else []))
        names = {name for value in values for name in value.columns()}
        of_totals = {"rows"} if self.table else set()  # of how many rows each is: for who reads a bad one
        return sorted(names | of_totals | {condition.column for condition in self.where})

    def fingerprint(self) -> str:
        """Changes when anything changes that a file is read by; another name for the same source does not.

        What is not said in the mapping is no part of it, so that new words of the language change nothing.
        """
        said = {each.name: getattr(self, each.name) for each in fields(self) if _is_said(self, each)}
        read_by = asdict(self)
        for each in fields(self.dialect):
            if each.metadata.get("later") and not getattr(self.dialect, each.name):
                del read_by["dialect"][each.name]
        if self.table:  # what an engine may do to its rows does not change how they are read
            read_by["table"] |= {"deletes": False}
            del read_by["table"]["keeps_days"]
        said = {name: read_by[name] for name in said if name != "id"} | {"name": self.key}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def _is_said(source: SourceMapping, each: Any) -> bool:
    default = each.default_factory() if each.default_factory is not MISSING else each.default
    return bool(getattr(source, each.name) != default)

"""What a mapping says of levels that its rows tell, and how a file of the lake keeps that. What levels come to: months.

A file of the lake keeps what was told as it was read. That it is a level, whose, and for how long, is said in the
file itself: so it is integrated as it was meant when it was read, whatever the mapping says later.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass

from flybill_pipeline.stores.files.duck import quoted
from flybill_pipeline.stores.usage.intake.mapping_tables import Table

CHANGES, ABSOLUTE = "changes", "absolute"
KEPT_AS = "flybill.levels"
_SECOND = 1_000_000  # microseconds


@dataclass(frozen=True, slots=True)
class Levels:
    """Rows tell what a level is from their time on. Rows with the same values of the dimensions `of` tell of the same
    one (None: of all dimensions). What was told holds until the next row, and for `holds` seconds at most.
    """

    of: tuple[str, ...] | None = None
    holds: int | None = None


def levels_at(table: Table, dimensions: Collection[str]) -> Levels | None:
    """What the source says of levels; None where its rows are changes, or no levels at all."""
    absolute = table.choice("levels", (CHANGES, ABSOLUTE), CHANGES) == ABSOLUTE
    said = [key for key in ("level_of", "level_holds") if key in table]
    of, holds = _names(table, dimensions), table.take("level_holds", int, 0)
    if "level_holds" in said and holds <= 0:
        table.fault("level_holds", f"must be a number of seconds, 1 at least, not {holds}")
    if absolute:
        return Levels(of, holds if "level_holds" in said else None)
    for key in said:
        table.fault(key, f'needs levels = "{ABSOLUTE}"')
    return None


def _names(table: Table, dimensions: Collection[str]) -> tuple[str, ...] | None:
    if "level_of" not in table:
        return None
    names = table.take("level_of", list)
    for name in names:
        if name not in dimensions:
            there = ", ".join(sorted(dimensions)) or "none"
            table.fault("level_of", f"{name!r} is no dimension of this source; its dimensions: {there}")
    return tuple(str(name) for name in names)


def kept_levels(levels: Levels | None) -> str:
    """A further option of COPY, by which a Parquet file keeps what is said of its levels."""
    if levels is None:
        return ""
    said = json.dumps({"of": levels.of, "holds": levels.holds})
    return f", kv_metadata {{{quoted(KEPT_AS)}: {quoted(said)}}}"


def levels_of(text: str) -> Levels:
    """What `kept_levels` kept."""
    said = json.loads(text)
    return Levels(None if said["of"] is None else tuple(said["of"]), said["holds"])


def level_columns(levels: Levels) -> str:
    """A select list for events, which have a column `alias`: `series` names the level that each tells of, `holds` for
    how many µs at most.
    """
    holds = "null" if levels.holds is None else str(levels.holds * _SECOND)
    return f"{series(levels)} as series, {holds}::bigint as holds"


def series(levels: Levels) -> str:
    """SQL for what names the level that an event of an organization's meter tells of.

    Each alias has levels of its own: two accounts of one organization have two disks, not one that jumps.
    """
    named = _dimensions(levels)
    return f"case when alias is null then {named} else to_json([alias, {named}])::varchar end"


def _dimensions(levels: Levels) -> str:
    if levels.of is None:
        return "dimensions"
    # A path in the way of RFC 6901: whatever a dimension is called, none of it is a pattern.
    pointers = [quoted("/" + name.replace("~", "~0").replace("/", "~1")) for name in levels.of]
    values = ", ".join(f"json_extract_string(dimensions, {pointer})" for pointer in pointers)
    return f"to_json([{values}]::varchar[])::varchar"

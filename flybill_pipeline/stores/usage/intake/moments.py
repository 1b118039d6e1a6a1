"""SQL for the time of a text whose form the mapping tells: a format, a zone, a unit. Other texts are read by times.py.

A local time that came twice, as clocks were put back, is the second of the two. One that never was, as clocks were put
forward, is read by the clock as it was before.
"""

import re

from flybill_pipeline.stores.files.duck import quoted
from flybill_pipeline.stores.usage.intake.columns import Column, Unit
from flybill_pipeline.stores.usage.intake.times import ISO_LOCAL

_MULTIPLIED, _DECIMALS = {Unit.SECONDS: 1_000_000, Unit.MILLISECONDS: 1000}, {Unit.SECONDS: 6, Unit.MILLISECONDS: 3}


_NAMES = "(?i)((UTC|GMT)([+-][0-9:]+)?|EST|MST|HST|[a-z_]+/.+)"
"""What %Z may be: UTC, a place, or what is the same offset all year. Other abbreviations are of several zones: DuckDB
takes BST for the time of Bangladesh, and PST for that of Los Angeles in summer too.
"""


def time_sql(column: Column, text: str) -> str:
    """SQL for the UTC time, a TIMESTAMP, that `text` (SQL, put in several times) tells; NULL when it cannot be read."""
    if column.unit is not None:
        return _of_unit(text, column.unit)
    if column.formats:
        times = [_of_format(text, form, column.zone) for form in column.formats]
        # DuckDB takes an offset only; other readers of %z take the letter of UTC too.
        times += [_of_format(text, form.replace("%z", "Z"), None) for form in column.formats if "%z" in form]
        return f"coalesce({', '.join(times)})" if len(times) > 1 else times[0]
    if column.zone:
        local = _in_zone(f"try_cast({text} as timestamp)", column.zone)
        return f"case when regexp_full_match({text}, {quoted(ISO_LOCAL)}) then {local} else time_of({text}) end"
    return f"time_of({text})"


def form_of(column: Column) -> str:
    """What the text of such a time must be, in words for the person whose row has another one."""
    if column.unit is not None:
        return f"a number of {column.unit.value} since 1970, as its `unit` says; without `unit` ISO 8601 is read too"
    if column.formats:
        return f"of its `format` {' or '.join(map(repr, column.formats))}, or its day does not exist"
    return "ISO 8601 with a day that exists, nor a number of s, ms, µs or ns since 1970; `format` reads other forms"


def _of_format(text: str, form: str, zone: str | None) -> str:
    """DuckDB's %f takes six decimals at most; its %n takes nine, which are cut to microseconds as whole numbers."""
    parsed = f"try_strptime({text}, {quoted(form.replace('%f', '%n'))})"
    if "%f" in form:
        parsed = f"time_of_micros(epoch_ns({parsed}) // 1000)"
    elif "%z" in form or "%Z" in form:
        parsed = f"({parsed} at time zone 'UTC')"
    if "%Z" in form:
        return f"case when regexp_full_match({_name(text, form)}, {quoted(_NAMES)}) then {parsed} end"
    return _in_zone(parsed, zone) if zone and "%z" not in form and "%Z" not in form else parsed


def _name(text: str, form: str) -> str:
    """SQL for what stands in the text where %Z stands in its form."""
    pattern = "".join(_like(part) for part in re.split("(%-?.)", form.strip()))
    return f"regexp_extract(trim({text}), {quoted(f'^{pattern}$')}, 1)"


def _like(part: str) -> str:
    """A pattern of what is read by a part of a format."""
    if part == "%Z":
        return "([A-Za-z][A-Za-z0-9_/+:-]*)"
    return ".+?" if part.startswith("%") else re.escape(part)


def _in_zone(local: str, zone: str) -> str:
    return f"(timezone({quoted(zone)}, {local}) at time zone 'UTC')"


def _of_unit(text: str, unit: Unit) -> str:
    if unit is Unit.NANOSECONDS:
        return f"time_of_micros(unit_micros({text}, 1, 0) // 1000)"
    return f"time_of_micros(unit_micros({text}, {_MULTIPLIED.get(unit, 1)}, {_DECIMALS.get(unit, 0)}))"

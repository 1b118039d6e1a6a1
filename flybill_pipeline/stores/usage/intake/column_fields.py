"""Reads the values of a source mapping: a column's name, or a table that says more of it. SQL is not made here."""

import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from flybill_pipeline.stores.usage.intake.columns import Column, Measure, PathError, Unit, Wanted, number, steps_of
from flybill_pipeline.stores.usage.intake.expressions import fault_of_condition, fault_of_sql
from flybill_pipeline.stores.usage.intake.mapping_tables import Table, plain_text
from flybill_pipeline.stores.usage.intake.parsed_sql import columns_of_sql

MOST_DECIMALS = 18
_PARTS = re.compile("%(-[djmyHIMS]|[aAbBcdfgGhHIjmMnpSTuUVwWxXyYzZ%])")
"""The parts that DuckDB reads in the format of a time."""
FORMS = "a column's name, or a table with one of column, columns, constant, path, sql"


class Role(NamedTuple):
    """What a value is for, which decides what may be said of it."""

    time: bool = False
    quantity: bool = False


TEXT, TIME, QUANTITY = Role(), Role(time=True), Role(quantity=True)


def column_at(table: Table, key: str, role: Role = TEXT) -> Column:
    """The value under the key, which must be there."""
    value = table.pop(key)
    if value is None:
        table.fault(key, "missing")
    else:
        return column_of(table, key, value, role)
    return Column(constant="")


def column_of(table: Table, key: str, value: Any, role: Role) -> Column:
    """The value that stands as `value` somewhere under the key."""
    if isinstance(value, str) and value:
        return Column(name=value)
    if not isinstance(value, dict) or not value:
        table.fault(key, f"must be {FORMS}, not {value!r}")
        return Column(constant="")
    return _read(table.of(key, value), role)


def owner_at(columns: Table) -> tuple[Column, bool]:
    """Whose the usage is, and whether that is an alias: an account, host or key that belongs to an organization."""
    value = columns.values.get("org_id")
    if not isinstance(value, dict):
        return column_at(columns, "org_id"), False
    table = columns.of("org_id", columns.pop("org_id"))
    aliased = bool(table.take("alias", bool, False))
    if not table.values:
        columns.fault("org_id", f"must be {FORMS}")
        return Column(constant=""), aliased
    return _read(table, TEXT), aliased


def meter_at(measure: Table) -> Column:
    """The meter of one of several measures: a text is its name here, as each has one of its own."""
    name = measure.values.get("meter")
    return Column(constant=str(measure.pop("meter"))) if isinstance(name, str) and name else column_at(measure, "meter")


def event_id_at(columns: Table) -> tuple[Column, ...] | None:
    """What tells events apart: one value, several columns, or None where each row is an event of its own."""
    value = columns.pop("event_id")
    if value == "row":
        return None
    if isinstance(value, list) and value:
        return tuple(column_of(columns, "event_id", part, TEXT) for part in value)
    if value is None:
        columns.fault("event_id", 'missing: name a column, several columns, or "row" where each row is an event')
        return ()
    column = column_of(columns, "event_id", value, TEXT)
    if column.constant:
        columns.fault("event_id", "must differ from row to row, so it cannot be a constant")
    return (column,)


def conditions_at(table: Table) -> tuple[Wanted, ...]:
    """The conditions of `where`: a row of usage fulfils all of them."""
    where = table.table("where")
    return tuple(_condition(where, column) for column in list(where.values))


def condition_at(table: Table) -> Column | None:
    """The condition of `where_sql`, as an expression."""
    if "where_sql" not in table:
        return None
    text = str(table.take("where_sql", str))
    if fault := fault_of_condition(text):
        table.fault("where_sql", fault)
        return None
    return Column(sql=text, more=columns_of_sql(text))


def _condition(where: Table, column: str) -> Wanted:
    match value := where.pop(column):
        case {"present": bool() as present, **rest} if not rest:
            return Wanted(column, present=present)
        case {"not": unwanted, **rest} if not rest:
            return Wanted(column, _texts(where, column, unwanted), negated=True)
        case dict():
            where.fault(column, f"must be a value, a list, {{ not = … }} or {{ present = true }}, not {value!r}")
            return Wanted(column)
    return Wanted(column, _texts(where, column, value))


def _texts(where: Table, column: str, value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    texts = [plain_text(each) for each in values]
    if not texts or None in texts:
        where.fault(column, f"must be a text, a number, true or false, or a list of such values, not {value!r}")
    return tuple(text for text in texts if text is not None)


def _read(table: Table, role: Role) -> Column:
    if role.quantity and "seconds" in table:
        parts: dict[str, Any] = {"interval": _interval(table)}
    else:
        parts = _origin(table, role)
    parts |= _words(table, role)
    if role.time:
        parts |= _time(table)
    if role.quantity:
        parts |= _arithmetic(table)
    table.nothing_else()
    return Column(**parts)


def _origin(table: Table, role: Role) -> dict[str, Any]:
    """Where the value comes from: one of the five ways, and the JSON that a text may hold."""
    given = [way for way in ("column", "columns", "constant", "path", "sql") if way in table]
    if len(given) != 1:
        table.nothing_else()
        table.fault("", f"must be {FORMS}" + (f", and has {' and '.join(given)}" if given else ""))
        table.values.clear()
        return {"constant": ""}
    way = given[0]
    if way == "constant":
        text = plain_text(table.pop("constant"))
        if text is None or (role.quantity and not text):
            table.fault("constant", "must be a text or a number")
        return {"constant": text or ""}
    if way == "columns":
        names = table.texts("columns")
        return {"name": names[0], "more": names[1:]} if names else {"constant": ""}
    text = str(table.take(way, str))
    if way == "sql":
        if fault := fault_of_sql(text, exact=role.quantity):
            table.fault("sql", fault)
            return {"constant": ""}
        return {"sql": text, "more": columns_of_sql(text)} | _json(table)
    if way == "path":
        if text.count("*") != 1 or "/" in text:
            table.fault("path", f"must be the name of a folder or file with one *, such as kind=*, not {text!r}")
        return {"path": text}
    return {"name": text} | _json(table)


def _json(table: Table) -> dict[str, str]:
    """The path into a text that is JSON, if there is one."""
    if "json" not in table:
        return {}
    path = str(table.take("json", str))
    if fault := fault_of_path(path, marks=()):
        table.fault("json", fault)
    return {"json": path}


def fault_of_path(path: str, *, marks: Collection[str]) -> str | None:
    """What is wrong with a path into JSON in which only these marks may stand."""
    try:
        steps = steps_of(path)
    except PathError as error:
        return f"{path!r} is no path: {error}"
    if not steps:
        return "is empty"
    odd = next((step.mark for step in steps if step.mark and step.mark not in marks), None)
    return f"{odd!r} cannot stand in {path!r}" if odd else None


def _words(table: Table, role: Role) -> dict[str, Any]:
    if "map" not in table:
        return {}
    words: Mapping[str, Any] = table.take("map", dict)
    texts = {word: plain_text(value) for word, value in words.items()}
    if not texts or None in texts.values():
        table.fault("map", "must say for each text what it stands for, such as { start = 1, exit = -1 }")
    for word, value in words.items() if role.quantity else ():
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            table.fault(f"map.{word}", f"must be a number, not {value!r}")
    return {"words": {word: text for word, text in texts.items() if text is not None}}


def _time(table: Table) -> dict[str, Any]:
    read: dict[str, Any] = {}
    if "format" in table:
        read["formats"] = table.texts("format")
        for form in read["formats"]:
            if "%" not in form:
                table.fault("format", f"must have parts such as %d/%m/%Y %H:%M:%S, not {form!r}")
            elif odd := re.search("%-?.?", _PARTS.sub("", form)):
                table.fault("format", f"{odd[0]!r} in {form!r} is no part of a time that can be read")
    if "unit" in table:
        read["unit"] = Unit(table.choice("unit", [unit.value for unit in Unit]))
    if "zone" in table:
        read["zone"] = zone = table.take("zone", str)
        if not _is_zone(zone):
            table.fault("zone", f"must be the name of a time zone such as Europe/Berlin, not {zone!r}")
    if "unit" in read and len(read) > 1:
        table.fault("unit", "a number of time since 1970 has neither format nor zone")
    return read


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError):
        return False
    return "/" in name or name == "UTC"


def _arithmetic(table: Table) -> dict[str, Any]:
    read = {key: _factor(table, key) for key in ("times", "divide_by") if key in table}
    if "round" in table:
        decimals = table.take("round", int)
        if not 0 <= decimals <= MOST_DECIMALS:
            table.fault("round", f"must be a number of decimals from 0 to {MOST_DECIMALS}, not {decimals}")
        return read | {"decimals": decimals}
    return read


def _factor(table: Table, key: str) -> Column:
    value = table.pop(key)
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        factor = Decimal(value)
        if not factor.is_finite() or not factor or len(factor.as_tuple().digits) > MOST_DECIMALS:
            table.fault(key, f"must be a number of at most {MOST_DECIMALS} digits that is not 0, not {value}")
            return number(1)
        return number(factor)
    return column_of(table, key, value, QUANTITY)


def _interval(table: Table) -> tuple[Column, Column]:
    value = table.pop("seconds")
    if not isinstance(value, list) or len(value) != 2:
        table.fault("seconds", f"must be two columns of time, where it begins and where it ends, not {value!r}")
        return Column(constant=""), Column(constant="")
    begins, ends = (column_of(table, f"seconds[{place}]", part, TIME) for place, part in enumerate(value))
    return begins, ends


def measures_at(table: Table) -> tuple[Measure, ...]:
    """The entries of `measures`: what each row tells of several meters; none where a row tells of one."""
    entries = table.take("measures", list, [])
    parts = [table.of(f"measures[{number}]", entry) for number, entry in enumerate(entries, start=1)]
    measures = tuple(Measure(meter_at(part), column_at(part, "quantity", QUANTITY)) for part in parts)
    for part in parts:
        part.nothing_else()
    return measures

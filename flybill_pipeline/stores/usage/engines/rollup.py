"""The rollup of a table as one Ibis expression: which rows count, and the exact totals of whole days.

Any engine that Ibis speaks runs it where the rows are. What becomes of the answer: day_totals.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import ibis

from flybill_pipeline.billing.usage.tables import NO_DAY, NotPulledError
from flybill_pipeline.stores.usage.engines.digests import digest
from flybill_pipeline.stores.usage.engines.portable import (
    EXACT,
    as_text,
    differs,
    exact,
    in_order,
    is_finite,
    may_be_too_precise,
    small_enough,
    utc_day,
)
from flybill_pipeline.stores.usage.intake.columns import Column
from flybill_pipeline.stores.usage.intake.table_fields import UsageTable

CASTS = {
    "text": "text",
    "time": "a timestamp",
    "watermark": "a timestamp or a whole number",
    "number": "a decimal",
}
"""What each kind of column is to be where its own type is not read."""
AFTER_ALL = date(2100, 1, 1)  # ClickHouse has a type for dates that ends in 2149


@dataclass(frozen=True, slots=True)
class Rollup:
    """The columns of the answer, beside `dimensions`: day, org_id, meter, flaw (why the rows do not count, or ""),
    quantity (digits), rows (that count), repeats, elsewhere (repeats of what counts on another day). And of all these
    rows: largest (quantity of one), occurred_at (the last), mark (the highest watermark), digest (digits)."""

    expression: Any
    dimensions: Sequence[str]


def require_readable(relation: Any, usage: UsageTable) -> None:
    """Raises NotPulledError with every column that is not there, or whose type says too little."""
    schema = relation.schema()
    faults = [fault for wanted, column in _wanted(usage) if (fault := _fault(schema, wanted, column))]
    if faults:
        raise NotPulledError("; ".join(dict.fromkeys(faults)))


def _wanted(usage: UsageTable) -> list[tuple[str, Column]]:
    texts = [*(usage.event_id or ()), usage.org_id, *usage.dimensions.values(), *(part.meter for part in usage.parts)]
    return [
        *(("text", column) for column in texts),
        ("time", usage.occurred_at),
        ("watermark", Column(name=usage.watermark)),
        *(("number", part.quantity) for part in usage.parts),
    ]


def _fault(schema: Any, wanted: str, column: Column) -> str | None:
    if column.name is None:
        return None
    if column.name not in schema.names:
        return f"there is no column {column.name!r}; the columns are {', '.join(schema.names)}"
    kind = schema[column.name]
    is_time, is_whole = kind.is_timestamp() or kind.is_date(), kind.is_integer()
    if kind.is_unknown():
        return f"column {column.name!r} is of a type that is not read: cast it to {CASTS[wanted]} in `query`"
    if wanted == "text" and not (kind.is_string() or is_whole or kind.is_boolean() or kind.is_uuid()):
        return f"column {column.name!r} is {kind}, which engines write differently: cast it to text in `query`"
    if wanted == "time" and not is_time:
        return f"column {column.name!r} is {kind}, and a time is wanted: cast it to a timestamp in `query`"
    if wanted == "watermark" and not (is_time or is_whole):
        return f"column {column.name!r} is {kind}, and a watermark is {CASTS[wanted]}: cast it in `query`"
    if wanted == "number" and kind.is_floating() and column.decimals is None:
        return (
            f"column {column.name!r} is {kind}, which is not exact: cast it to a decimal in `query`, or say `round`,"
            " such as { column = …, round = 9 }"
        )
    if wanted == "number" and not (kind.is_floating() or is_whole or kind.is_decimal()):
        return f"column {column.name!r} is {kind}, and a number is wanted: cast it to a decimal in `query`"
    return None


def mark_before(watermark: str, kind: Any, lag: int) -> datetime | date | int:
    """Where the next look begins: the watermark less its lag, as a value of the column's type.

    In whole milliseconds: there are engines that read no finer time, and may round it up.
    """
    if kind.is_integer():
        return max(int(watermark) - lag, int(kind.bounds.lower))  # a type without a sign has nothing below nought
    moment, first = datetime.fromisoformat(watermark), datetime(NO_DAY.year, NO_DAY.month, NO_DAY.day, tzinfo=UTC)
    moment -= timedelta(seconds=min(lag, max(moment - first, timedelta()) // timedelta(seconds=1)))
    moment -= timedelta(microseconds=moment.microsecond % 1000)
    if kind.is_date():
        return moment.date()
    return moment if kind.timezone else moment.astimezone(UTC).replace(tzinfo=None)


def rollup(
    relation: Any, usage: UsageTable, watermark: str | None, *, days: Sequence[date] | None = None, engine: str = ""
) -> Rollup:
    """The totals of every day with a row above the watermark less its lag; of all days without one. A row without a
    watermark is always new. With `days`: the totals of these.

    So are the days of rows that such a row, or one of these days, stands for, or that stand for it.
    """
    rows = events(relation, usage, engine)
    if days is not None:
        new = rows.filter(rows.day.isin([ibis.literal(day) for day in days]))
    else:
        new = None if watermark is None else rows.filter(is_new(rows, usage, watermark))
    ranked = _ranked(rows, usage, ids_of(usage), new)
    totals = [_totals(ranked, usage, number, engine) for number in range(len(usage.parts))]
    together = totals[0] if len(totals) == 1 else ibis.union(*totals)
    return Rollup(together.order_by("day"), tuple(usage.dimensions))


def is_new(rows: Any, usage: UsageTable, watermark: str) -> Any:
    """Whether a row came after the watermark less its lag, or has none."""
    kind = rows.mark.type()
    return rows.mark.isnull() | (rows.mark >= ibis.literal(mark_before(watermark, kind, usage.lag), type=kind))


def ids_of(usage: UsageTable) -> list[str]:
    return [f"id{place}" for place in range(len(usage.event_id or ()))]


def events(relation: Any, usage: UsageTable, engine: str) -> Any:
    """Each row as events: columns of our names, in exact types, with what is wrong with it."""
    at = relation[usage.occurred_at.name]
    sane = _of_calendar(at)
    columns: dict[str, Any] = {
        name: _text(relation, column, engine).fill_null("")
        for name, column in zip(ids_of(usage), usage.event_id or (), strict=True)
    }
    columns |= {
        "org_id": _text(relation, usage.org_id, engine),
        "day": ibis.cases((sane, utc_day(at, engine)), else_=ibis.date(NO_DAY)),
        "occurred_at": ibis.cases((sane, at), else_=_none_of(at)),
        "mark": _mark(relation[usage.watermark]),
    }
    columns |= {f"dimension{n}": _text(relation, column, engine) for n, column in enumerate(usage.dimensions.values())}
    nameless = ibis.and_(*(columns[name] == "" for name in ids_of(usage))) if usage.event_id else ibis.literal(False)
    for number, part in enumerate(usage.parts):
        raw = _raw(relation, part.quantity)
        inside, finite, quantity = small_enough(raw), is_finite(raw, engine), exact(raw, part.quantity, engine)
        columns[f"meter{number}"] = _text(relation, part.meter, engine)
        columns[f"quantity{number}"] = ibis.cases((finite & inside, quantity), else_=ibis.null(EXACT))
        flaws = [
            (nameless, "event_id"),
            (~finite, "finite"),  # before what is missing: to Spark's Ibis NaN is null, too
            (raw.isnull(), "quantity"),
            (~inside, "large"),
            *([(differs(quantity, raw), "precise")] if may_be_too_precise(raw, part.quantity) else []),
            *([] if usage.allow_negative else [(raw < 0, "negative")]),
            (at.isnull(), "time"),
            (~sane, "clock"),
        ]
        columns[f"flaw{number}"] = ibis.cases(*flaws, else_="")
    columns["bad"] = ibis.and_(*(columns[f"flaw{number}"] != "" for number in range(len(usage.parts))))
    return relation.select(**columns)


def _text(relation: Any, column: Column, engine: str) -> Any:
    if column.name is None:
        return ibis.literal(column.constant or "", type="string")
    return as_text(relation[column.name], engine)


def _raw(relation: Any, column: Column) -> Any:
    return ibis.literal(column.constant).cast(EXACT) if column.name is None else relation[column.name]


def _mark(mark: Any) -> Any:
    """The watermark; one that no calendar has is none."""
    return mark if mark.type().is_integer() else ibis.cases((_of_calendar(mark), mark), else_=_none_of(mark))


def _none_of(value: Any) -> Any:
    """NULL of the value's type: a type that has none, as engines know it of a column, cannot be NULL."""
    return ibis.null(value.type().copy(nullable=True))


def _of_calendar(at: Any) -> Any:
    """Whether a time is one that every engine, and everybody here, can tell. Bounds have its type: not all compare."""
    first, end = (ibis.literal(_bound(day, at.type()), type=at.type()) for day in (NO_DAY, AFTER_ALL))
    return (at >= first) & (at < end)


def _bound(day: date, kind: Any) -> date:
    if kind.is_date():
        return day
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return moment if kind.timezone else moment.replace(tzinfo=None)


def _ranked(rows: Any, usage: UsageTable, ids: Sequence[str], new: Any | None) -> Any:
    """The rows of the days that are to be told, and which of them `stands` for its id, and whether `elsewhere`.

    Bad rows stand for no other row, and are all told.
    """
    days = None
    if new is not None:
        days = (rows.semi_join(new, list(ids)) if ids else new).select("day").distinct()
    if not ids:
        told = rows if days is None else rows.semi_join(days, "day")
        return told.mutate(stands=ibis.literal(True), elsewhere=ibis.literal(False))
    if days is not None:
        rows = rows.semi_join(rows.semi_join(days, "day").select(*ids).distinct(), list(ids))
    ranked = _placed(rows, usage)
    return ranked if days is None else ranked.semi_join(days, "day")


def _placed(rows: Any, usage: UsageTable) -> Any:
    """The rows with whether each `stands` for its id among them."""
    parts = [f"{name}{n}" for n in range(len(usage.parts)) for name in ("meter", "quantity")]
    content = ["occurred_at", "org_id", *parts, *(f"dimension{n}" for n in range(len(usage.dimensions)))]
    last = (key for name in content for key in in_order(rows[name]))
    order = [rows.bad, *in_order(rows.mark, descending=usage.restates), *last]
    of_id = ibis.window(group_by=[rows[name] for name in ids_of(usage)], order_by=order)
    stands = (ibis.row_number().over(of_id) == 0) | rows.bad
    return rows.mutate(stands=stands, elsewhere=~stands & (rows.day.first().over(of_id) != rows.day))


def standing(
    relation: Any, usage: UsageTable, org_id: str, meter: str, days: tuple[date, date], *, engine: str = ""
) -> Any:
    """The rows that count of one org's meter, from the first to the last of the days: what its totals are made of.

    Columns: event_id, day, occurred_at, quantity (digits), and the dimensions.
    """
    rows, ids = events(relation, usage, engine), ids_of(usage)
    if ids:
        mine = rows.filter(rows.org_id == org_id, *_between(rows, days))
        rows = _placed(rows.semi_join(mine.select(*ids).distinct(), ids), usage)
    else:
        rows = rows.mutate(stands=ibis.literal(True))
    of_org = rows.filter(rows.stands, rows.org_id == org_id, *_between(rows, days))
    parts = [_events_of(of_org, usage, number, meter) for number in range(len(usage.parts))]
    return (parts[0] if len(parts) == 1 else ibis.union(*parts)).order_by("occurred_at", "event_id")


def _between(rows: Any, days: tuple[date, date]) -> list[Any]:
    return [rows.day >= ibis.literal(days[0]), rows.day <= ibis.literal(days[1])]


def _events_of(rows: Any, usage: UsageTable, number: int, meter: str) -> Any:
    good = rows.filter(rows[f"meter{number}"] == meter, rows[f"flaw{number}"] == "")
    ids = [good[name] for name in ids_of(usage)]
    joined = ibis.literal(" ").join(ids) if ids else ibis.literal("")
    dimensions = {f"dimension{n}": good[f"dimension{n}"] for n in range(len(usage.dimensions))}
    quantity = good[f"quantity{number}"].cast("string")
    return good.select(event_id=joined, day=good.day, occurred_at=good.occurred_at, quantity=quantity, **dimensions)


def telling(rows: Any, usage: UsageTable, number: int) -> Any:
    """The rows that tell of one meter: of those of several meters, such as have a quantity of it."""
    if len(usage.parts) == 1:
        return rows
    has = [rows[f"flaw{n}"] != "quantity" for n in range(len(usage.parts))]
    return rows.filter(has[number] | ~ibis.or_(*has) if number == 0 else has[number])


def digest_of(rows: Any, usage: UsageTable, number: int, engine: str) -> Any:
    """Changes with whatever decides what a row counts for, or whether it does."""
    parts = [f"meter{number}", f"quantity{number}", f"flaw{number}"]
    dimensions = [f"dimension{n}" for n in range(len(usage.dimensions))]
    names = [*ids_of(usage), "org_id", *parts, *dimensions, "occurred_at", "mark"]
    return digest([rows[name] for name in names], engine)


def _totals(ranked: Any, usage: UsageTable, number: int, engine: str) -> Any:
    """What one meter of the rows comes to."""
    ranked = telling(ranked, usage, number)
    keys: Mapping[str, Any] = {
        "day": ranked.day,
        "org_id": ranked.org_id,
        "meter": ranked[f"meter{number}"],
        "flaw": ranked[f"flaw{number}"],
        **{f"dimension{n}": ranked[f"dimension{n}"] for n in range(len(usage.dimensions))},
    }
    return ranked.group_by(**keys).aggregate(
        quantity=ranked[f"quantity{number}"].sum(where=ranked.stands).cast("string"),
        rows=ranked.count(where=ranked.stands),
        repeats=ranked.count(where=~ranked.stands),
        elsewhere=ranked.count(where=ranked.elsewhere),
        largest=ranked[f"quantity{number}"].abs().max(where=ranked.stands).cast("string"),
        occurred_at=ranked.occurred_at.max(where=ranked.stands),
        mark=ranked.mark.max(),
        digest=digest_of(ranked, usage, number, engine).sum().cast("string"),
    )

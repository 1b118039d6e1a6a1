"""What usage of world.py comes to under the prices of prices.py, in fractions and plain arithmetic.

Uses nothing of the pipeline, on purpose: a mistake that both made would have to be made twice.
"""

from calendar import monthrange
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from math import floor

from flybill_pipeline_tests.stories.year.prices import BOOKS, COMMITTED, MONEY, SYD_UP_TO
from flybill_pipeline_tests.stories.year.world import Org, Row

ZERO = Fraction(0)
HOUR = timedelta(hours=1)
LEVELS = "disk"
MEASURED = ("seats", "gauge", "users", "visitors")
"""What has one measure a month, of which each book pays the share of its days; all else adds up."""
_AMOUNTS = {
    "syd": ("syd", "syd_more"),
    "seats": ("seats", "seats_more", "seats_fee"),
    "bytes": ("bytes", "bytes_more", "bytes_fee", "bytes_more_fee"),
    "committed": ("own_builds",),
    "probes": (),
}
"""The amounts of a book that a price consists of, where it is not just the one of its own name."""
_LIMITS = {"gauge": ("gauge_least", "gauge_most"), "committed": ("own_least", "own_most")}


def minor(amount: Fraction, currency: str) -> int:
    """Major units in minor ones: rounded half away from zero to what the currency counts in."""
    money = MONEY[currency]
    steps = abs(amount) * money.per_major / money.step
    return floor(steps + Fraction(1, 2)) * money.step * (1 if amount > 0 else -1)


@dataclass(frozen=True)
class Part:
    """The days of a month on which one book is in force."""

    start: datetime
    end: datetime
    share: Fraction
    book: Mapping[str, str]


def usage_due(org: Org, month: str, events: Iterable[Row]) -> Counter[str]:
    """Meter → minor units of one month, by `events` (of the org, any time, each once).

    Where prices change in mid-month, each book prices what its days add to the month as it would be by that book alone,
    and its share by days of what the month has once.
    """
    lines: dict[tuple[str, str, object], list[Row]] = {}
    for row in events:
        if str(row["at"])[:7] == month or (row["meter"] == LEVELS and str(row["at"])[:7] < month):
            group = row.get("region") if row["meter"] == "visitors" else None
            lines.setdefault((str(row["meter"]), _price(org, row), group), []).append(row)
    if org.contract_in(month) == "committed":  # due without any build, too
        lines.setdefault(("builds", "committed", None), [])
    due: Counter[str] = Counter()
    for (meter, name, _), rows in lines.items():
        for amount in _amounts(meter, name, rows, _parts(month, name)):
            due[meter] += minor(amount * MONEY[org.currency].dollar, org.currency)
    return due


def committed(org: Org) -> int:
    """The minimum of its contract, in minor units."""
    return minor(Fraction(COMMITTED * MONEY[org.currency].dollar), org.currency)


def _price(org: Org, row: Row) -> str:
    """The name of the price that the row falls under."""
    meter = str(row["meter"])
    contract = org.contract_in(str(row["at"])[:7])
    if meter == "seconds" and contract == "partner":
        return "partner"
    if meter == "seconds" and row.get("region") == "syd":
        return "syd"
    return "committed" if meter == "builds" and contract == "committed" else meter


def _parts(month: str, name: str) -> list[Part]:
    """The parts of a month for one price: one part where all its books say the same of it."""
    start = datetime.fromisoformat(f"{month}-01T00:00:00Z")
    end = start + timedelta(days=monthrange(start.year, start.month)[1])
    begun = max(day for day in BOOKS if day <= f"{month}-01")
    days = [begun, *(day for day in BOOKS if f"{month}-01" < day <= f"{month}-31")]
    used = [*_AMOUNTS.get(name, (name,)), *_LIMITS.get(name, ())]
    if len({tuple(BOOKS[day][each] for each in used) for day in days}) == 1:
        days = [begun]
    starts = [start, *(datetime.fromisoformat(f"{day}T00:00:00Z") for day in days[1:])]
    return [
        Part(one, other, Fraction((other - one).days, (end - start).days), BOOKS[day])
        for one, other, day in zip(starts, [*starts[1:], end], days, strict=True)
    ]


def _amounts(meter: str, name: str, rows: Sequence[Row], parts: Sequence[Part]) -> list[Fraction]:
    """What each part of a month comes to, in dollars."""
    first, end = parts[0].start, parts[-1].end
    month = _quantity(meter, rows, first, end)
    amounts = []
    for part in parts:
        prices = [Fraction(part.book[each]) for each in _AMOUNTS.get(name, (name,))]
        fixed = part.share * _fixed(name, month, prices)
        if meter in MEASURED:
            amounts.append(fixed + part.share * _used(name, month, month, prices))
        else:
            until, since = (
                _used(name, _quantity(meter, rows, first, edge), month, prices) for edge in (part.end, part.start)
            )
            amounts.append(fixed + until - since)
    return _limited(name, month, amounts, parts) if name in _LIMITS else amounts


def _limited(name: str, month: Fraction, amounts: list[Fraction], parts: Sequence[Part]) -> list[Fraction]:
    """Minimum and maximum are the month's, each book's by its share of the days."""
    lower, upper = _LIMITS[name]
    least, most = ([part.share * Fraction(part.book[limit]) for part in parts] for limit in (lower, upper))
    whole = sum(amounts, ZERO)
    if whole < sum(least) and (month > 0 or name == "committed"):
        missing = sum(least) - whole
        return [amount + missing * own / sum(least) for amount, own in zip(amounts, least, strict=True)]
    if abs(whole) > sum(most):
        return [amount * sum(most) / abs(whole) for amount in amounts]
    return amounts


def _quantity(meter: str, rows: Sequence[Row], start: datetime, end: datetime) -> Fraction:
    """What the rows before `end` come to in the month that begins with `start`."""
    rows = [row for row in rows if datetime.fromisoformat(str(row["at"])) < end]
    quantities = [Fraction(str(row["quantity"])) for row in rows]
    match meter:
        case "requests":
            return Fraction(-(-len(rows) // 3))
        case "bytes":
            kbit = sum(quantities, ZERO) * 8 / 1000
            return floor(abs(kbit) + Fraction(1, 2)) * Fraction(1 if kbit > 0 else -1)
        case "seats":
            return sum((max(ZERO, *(Fraction(str(row["quantity"])) for row in one)) for one in _series(rows)), ZERO)
        case "gauge":
            last = max((datetime.fromisoformat(str(row["at"])), Fraction(str(row["quantity"]))) for row in rows)[1]
            return max(last, ZERO)
        case "users":
            return Fraction(_different((row["user"], Fraction(str(row["quantity"]))) for row in rows))
        case "visitors":
            seen = ([Fraction(str(row["quantity"])) for row in one] for one in _series(rows))
            return Fraction(sum(_different((abs(each), each) for each in one) for one in seen))
        case "disk":
            return _held(rows, start, end)
        case _:
            return sum(quantities, ZERO)


def _different(told: Iterable[tuple[object, Fraction]]) -> int:
    """How many things came more often than they were taken back, which is told by a quantity below zero."""
    came: Counter[object] = Counter()
    for each, quantity in told:
        came[each] += -1 if quantity < 0 else 1
    return sum(times > 0 for times in came.values())


def _held(rows: Sequence[Row], start: datetime, end: datetime) -> Fraction:
    """GB x hours from `start` to `end`; below zero is nothing."""
    moves = sorted((max(datetime.fromisoformat(str(row["at"])), start), Fraction(str(row["quantity"]))) for row in rows)
    level = hours = ZERO
    for place, (at, amount) in enumerate(moves):
        level += amount
        until = moves[place + 1][0] if place + 1 < len(moves) else end
        microseconds = (until - at) // timedelta(microseconds=1)
        hours += max(level, ZERO) * Fraction(microseconds, HOUR // timedelta(microseconds=1))
    return hours


def _series(rows: Iterable[Row]) -> Iterable[list[Row]]:
    found: dict[tuple[object, object], list[Row]] = {}
    for row in rows:
        found.setdefault((row.get("region"), row.get("user")), []).append(row)
    return found.values()


def _used(name: str, quantity: Fraction, month: Fraction, prices: Sequence[Fraction]) -> Fraction:
    """What is paid for each unit of a month up to `quantity`; a negative one is the mirror image."""
    size, sign = abs(quantity), 1 if quantity >= 0 else -1
    match name:
        case "syd":
            return sign * (min(size, Fraction(SYD_UP_TO)) * prices[0] + max(size - SYD_UP_TO, ZERO) * prices[1])
        case "seats":
            return quantity * (prices[0] if abs(month) <= 10 else prices[1])
        case "disk":
            return sign * max(size - 100, ZERO) * prices[0]
        case "requests":
            return sign * -(-size // 2) * prices[0]
        case "bytes":
            size = max(size - 4, ZERO)
            return sign * (min(size, Fraction(50)) * prices[0] + max(size - 50, ZERO) * prices[1])
        case "probes":
            return ZERO
        case _:
            return quantity * prices[0]


def _fixed(name: str, month: Fraction, prices: Sequence[Fraction]) -> Fraction:
    """What is due once in a month with usage."""
    match name:
        case "seats":
            return prices[2] if month > 10 else ZERO
        case "bytes":
            return (prices[2] if month > 4 else ZERO) + (prices[3] if month > 54 else ZERO)
        case "probes":
            return Fraction(5) if month > 0 else ZERO
        case _:
            return ZERO

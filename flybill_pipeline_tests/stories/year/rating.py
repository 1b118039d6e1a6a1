"""What usage of world.py comes to under the prices of prices.py, in fractions and plain arithmetic.

Uses nothing of the pipeline, on purpose: a mistake that both made would have to be made twice.
"""

from calendar import monthrange
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import floor

from flybill_pipeline_tests.stories.year.prices import BOOKS, COMMITTED, MONEY, SYD_UP_TO
from flybill_pipeline_tests.stories.year.world import Org, Row

ZERO = Fraction(0)
HOUR = timedelta(hours=1)
LEVELS = "disk"
_USED = {"seats": ("seats",), "disk": ("disk",), "users": ("users",), "builds": ("builds",)}
"""The amounts of a book that the price of a meter consists of; seconds are told apart, others never change."""


def minor(amount: Fraction, currency: str) -> int:
    """Major units in minor ones: rounded half away from zero to what the currency counts in."""
    money = MONEY[currency]
    steps = abs(amount) * money.per_major / money.step
    return floor(steps + Fraction(1, 2)) * money.step * (1 if amount > 0 else -1)


def usage_due(org: Org, month: str, events: Iterable[Row]) -> Counter[str]:
    """Meter → minor units of one month, by `events` (of the org, any time, each once).

    A price that changes in mid-month rates the usage of its own days, and grants and asks its share of the month.
    """
    lines: dict[tuple[str, str, object, tuple[str, ...]], list[Row]] = {}
    starts: dict[tuple[str, str, object, tuple[str, ...]], str] = {}
    for first_day in _books_of(month):
        for row in events:
            if not _touches(row, month, first_day):
                continue
            name, amounts = _price(org, row, first_day)
            group = row.get("region") if row["meter"] == "visitors" else None
            key = (str(row["meter"]), name, group, amounts)
            starts.setdefault(key, first_day)
            lines.setdefault(key, []).append(row)
    if org.contract == "committed":  # due without any build, too
        lines.setdefault(("builds", "committed", None, ()), [])
    due: Counter[str] = Counter()
    for key, rows in lines.items():
        meter, name, _, amounts = key
        changes = len(_books_of(month)) > 1 and name in ("seconds", "partner", "seats", "disk")
        start, end = _days(month, starts[key]) if changes else _days(month, None)
        share = Fraction((end - start).days, monthrange(start.year, start.month)[1])
        amount = _amount(name, _quantity(meter, rows, start, end), amounts, share)
        due[meter] += minor(amount * MONEY[org.currency].dollar, org.currency)
    return due


def committed(org: Org) -> int:
    """The minimum of its contract, in minor units."""
    return minor(Fraction(COMMITTED * MONEY[org.currency].dollar), org.currency)


def _books_of(month: str) -> list[str]:
    """The first days of the books in force in a month."""
    begun = max(day for day in BOOKS if day <= f"{month}-01")
    return [begun, *(day for day in BOOKS if f"{month}-01" < day <= f"{month}-31")]


def _touches(row: Row, month: str, first_day: str) -> bool:
    """Whether the row is priced by the book of that day: usage of its days, or a level that is held in them."""
    books = _books_of(month)
    day, later = str(row["at"])[:10], [book for book in books if book > first_day]
    if (later and day >= later[0]) or day[:7] > month:
        return False
    return row["meter"] == LEVELS or (day[:7] == month and (day >= first_day or first_day == books[0]))


def _price(org: Org, row: Row, first_day: str) -> tuple[str, tuple[str, ...]]:
    """The name of the price that the row falls under, and its amounts in that book."""
    meter, book = str(row["meter"]), BOOKS[first_day]
    if meter == "seconds" and org.contract == "partner":
        return "partner", (book["partner"],)
    if meter == "seconds" and row.get("region") == "syd":
        return "syd", (book["syd"], book["syd_more"])
    if meter == "builds" and org.contract == "committed":
        return "committed", ()
    return meter, tuple(book[name] for name in _USED.get(meter, ("seconds",) if meter == "seconds" else ()))


def _days(month: str, first_day: str | None) -> tuple[datetime, datetime]:
    """The days of a month in which the book of `first_day` is in force (None: all of them), half-open."""
    year, number = int(month[:4]), int(month[5:])
    start = datetime(year, number, 1, tzinfo=UTC)
    end = start + timedelta(days=monthrange(year, number)[1])
    if first_day is not None:
        start = max(start, datetime.fromisoformat(f"{first_day}T00:00:00Z"))
        later = [datetime.fromisoformat(f"{day}T00:00:00Z") for day in BOOKS if day > first_day]
        end = min([end, *later])
    return start, end


def _quantity(meter: str, rows: Sequence[Row], start: datetime, end: datetime) -> Fraction:
    quantities = [Fraction(str(row["quantity"])) for row in rows]
    match meter:
        case "requests":
            return Fraction(-(-len(rows) // 3))
        case "bytes":
            kbit = sum(quantities, ZERO) * 8 / 1000
            return floor(abs(kbit) + Fraction(1, 2)) * Fraction(1 if kbit > 0 else -1)
        case "seats":
            return sum((max(Fraction(str(row["quantity"])) for row in one) for one in _series(rows)), ZERO)
        case "gauge":
            last = (max((str(row["at"]), Fraction(str(row["quantity"]))) for row in one) for one in _series(rows))
            return sum((quantity for _, quantity in last), ZERO)
        case "users":
            return Fraction(len({row["user"] for row in rows}))
        case "visitors":
            return Fraction(sum(len({Fraction(str(row["quantity"])) for row in one}) for one in _series(rows)))
        case "disk":
            held = (end - max(datetime.fromisoformat(str(row["at"])), start) for row in rows)
            hours = (Fraction(span // timedelta(microseconds=1), HOUR // timedelta(microseconds=1)) for span in held)
            return sum((each * span for each, span in zip(quantities, hours, strict=True)), ZERO)
        case _:
            return sum(quantities, ZERO)


def _series(rows: Iterable[Row]) -> Iterable[list[Row]]:
    found: dict[tuple[object, object], list[Row]] = {}
    for row in rows:
        found.setdefault((row.get("region"), row.get("user")), []).append(row)
    return found.values()


def _amount(name: str, quantity: Fraction, amounts: Sequence[str], share: Fraction) -> Fraction:
    """In dollars. A negative quantity is the mirror image, without fixed fees; `share` is of the month."""
    size, sign = abs(quantity), 1 if quantity >= 0 else -1
    prices = [Fraction(each) for each in amounts]
    match name:
        case "syd":
            return sign * (min(size, Fraction(SYD_UP_TO)) * prices[0] + max(size - SYD_UP_TO, ZERO) * prices[1])
        case "seats":
            return size * prices[0] if size <= 10 else size * 2 + Fraction("1.5") * share
        case "disk":
            return sign * max(size - 100 * share, ZERO) * prices[0]
        case "visitors":
            return size * Fraction("0.33")
        case "requests":
            return -(-size // 2) * Fraction("0.45")
        case "bytes":
            return _bytes(max(size - 4, ZERO), sign)
        case "gauge":
            return min(max(size * Fraction("0.029"), Fraction(1)), Fraction(30)) if size else ZERO
        case "committed":
            return min(max(sign * size * Fraction("0.05"), Fraction(12)), Fraction(20))
        case "probes":
            return Fraction(5)
        case _:
            return quantity * prices[0]


def _bytes(size: Fraction, sign: int) -> Fraction:
    fees = (Fraction("0.75") if size > 0 else ZERO) + (Fraction("0.3") if size > 50 else ZERO)
    used = min(size, Fraction(50)) * Fraction("0.02") + max(size - 50, ZERO) * Fraction("0.011")
    return used + fees if sign > 0 else -used

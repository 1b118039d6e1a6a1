"""Reads files of items: subscriptions, one-off items, credits, discounts, budgets. What is stored: items.py.

A row has `item_id`, `kind`, `org_id` and the members of its kind; times are UTC days or ISO times with their zone.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from flybill_pipeline.billing.money.amounts import from_minor, to_minor
from flybill_pipeline.billing.money.currencies import UnknownCurrencyError, currency_of
from flybill_pipeline.billing.money.decimals import plain
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.stores.files.regular import require_regular
from flybill_pipeline.stores.invoicing.budget_fields import scope_text, thresholds_text
from flybill_pipeline.stores.invoicing.imported_fields import (
    RowFaultError,
    csv_rows,
    first_twice,
    read_moment,
    read_month,
    read_number,
    require_columns,
    require_texts,
)
from flybill_pipeline.stores.invoicing.meter_names import KnownMeters, meters_text, read_meters
from flybill_pipeline.stores.invoicing.org_terms import ImportRefusedError

COMMON = ("item_id", "kind", "org_id", "name")
KINDS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {  # kind → what it must have, what it may have
    "subscription": (("amount", "currency", "start"), ("seats", "end", "timing")),
    "one_off": (("amount", "currency", "month"), ()),
    "credit": (("amount", "currency", "start"), ("end", "priority")),
    "discount": ((), ("percent", "amount", "currency", "meters", "start", "end")),
    "budget": (("amount", "currency", "start"), ("scope", "thresholds", "end")),
}
OF_MONEY = ("amount", "currency", "percent", "seats", "timing", "month", "start", "end", "meters", "priority")
COLUMNS = (*COMMON, *OF_MONEY, "scope", "thresholds")
BY_MONTHS = ("discount", "budget")
"""Kinds that begin and end with a month."""
BY_STARTS = ("subscription", "budget")
"""Kinds with a period for each start: one that begins later takes the place of the one before."""


@dataclass(frozen=True, slots=True)
class Item:
    """One row of a file. `content` is the same text whenever the row means the same."""

    row: int
    item_id: str
    kind: str
    org_id: str
    content: Mapping[str, str]

    @property
    def begins(self) -> datetime:
        """The moment at which it begins to be billed; a discount may hold since ever."""
        if month := self.content.get("month"):
            return Month.parse(month).start
        start = self.content.get("start")
        if start is None:
            return datetime.min.replace(tzinfo=UTC)
        return Month.parse(start).start if self.kind in BY_MONTHS else datetime.fromisoformat(start)

    @property
    def period(self) -> str:
        """What tells the rows of one subscription or budget apart: each start is a period of its own."""
        return self.content["start"] if self.kind in BY_STARTS else ""


def read_items(file: Path, *, meters: KnownMeters | None = None) -> list[Item]:
    """The items in a CSV or JSON file, or ImportRefusedError with every fault in it.

    `meters` gives those that the price books know, asked once a discount names some; None leaves names unchecked.
    """
    rows = _json_rows(file) if file.suffix == ".json" else _csv_rows(file)
    items: list[Item] = []
    faults: list[str] = []
    for number, row in rows:
        try:
            items.append(item_of(number, row, meters))
        except RowFaultError as fault:
            faults.append(f"{file}: row {number}: {fault}")
    seen: dict[tuple[str, str], int] = {}
    for item in items:
        first = seen.setdefault((item.item_id, item.period), item.row)
        if first != item.row:
            faults.append(f"{file}: row {item.row}: item_id {item.item_id!r} stands in row {first} too: remove one")
    if faults:
        raise ImportRefusedError(faults)
    return items


def _csv_rows(file: Path) -> list[tuple[int, dict[str, Any]]]:
    header, rows = csv_rows(file)
    require_columns(file, header, COMMON, COLUMNS)
    return list(enumerate(rows, start=2))


def _json_rows(file: Path) -> list[tuple[int, dict[str, Any]]]:
    try:
        require_regular(file)
        rows = json.loads(file.read_text(encoding="utf-8-sig"), parse_float=Decimal, object_pairs_hook=_object)
    except (OSError, ValueError, RecursionError) as error:
        raise ImportRefusedError([f"{file}: cannot be read as JSON in UTF-8: {error}"]) from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ImportRefusedError([f"{file}: must be a JSON list of objects, one for each item"])
    return list(enumerate(rows, start=1))


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    if twice := first_twice(name for name, _ in pairs):
        raise ValueError(f"{twice!r} stands twice in one object: remove one of the two")
    return dict(pairs)


def item_of(number: int, row: Mapping[Any, Any], meters: KnownMeters | None) -> Item:
    """The item that a row says, by its number. Raises RowFaultError."""
    if None in row:
        raise RowFaultError("has more fields than the header: quote a field that holds a comma")
    if unknown := [str(name) for name in row if name not in COLUMNS]:
        raise RowFaultError(f"column {unknown[0]!r} is not known; known are {', '.join(COLUMNS)}")
    values = {str(name): text for name, value in row.items() if (text := _text(value))}
    require_texts(values)
    kind = values.get("kind", "")
    if kind not in KINDS:
        raise RowFaultError(f"kind {kind!r} is not known: use {', '.join(KINDS)}")
    required, optional = KINDS[kind]
    if missing := next((name for name in (*COMMON, *required) if name not in values), None):
        raise RowFaultError(f"{missing} is empty: a {kind} needs one")
    if extra := next((name for name in values if name not in (*COMMON, *required, *optional)), None):
        raise RowFaultError(f"a {kind} has no {extra}: leave it empty")
    content = _content(kind, values, meters)
    return Item(number, values["item_id"], kind, values["org_id"], content)


def _text(value: Any) -> str:
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=str) if value else ""
    return "" if value is None else str(value).strip()


def _content(kind: str, values: Mapping[str, str], meters: KnownMeters | None) -> dict[str, str]:
    begins_or_ends = _as_month if kind in BY_MONTHS else _as_moment
    readers: dict[str, Callable[[str], str]] = {
        "amount": lambda text: plain(read_number("amount", text)),
        "currency": _currency,
        "percent": lambda text: plain(read_number("percent", text)),
        "seats": _seats,
        "timing": _timing,
        "priority": _priority,
        "month": _as_month,
        "start": begins_or_ends,
        "end": begins_or_ends,
        "meters": lambda text: meters_text(read_meters(text, None if meters is None else meters())),
        "scope": scope_text,
        "thresholds": thresholds_text,
        "name": str,
    }
    content = {name: readers[name](text) for name, text in values.items() if name in readers}
    if kind == "subscription":
        content = {"seats": "1", "timing": "arrears", **content}
    _check(kind, content)
    return dict(sorted(content.items()))


def _check(kind: str, content: Mapping[str, str]) -> None:
    amount, currency = content.get("amount"), content.get("currency")
    if amount is not None and currency is None:
        raise RowFaultError("currency is empty: an amount needs one")
    if kind == "discount" and (amount is None) == ("percent" not in content):
        raise RowFaultError("a discount needs either percent or amount")
    if "percent" in content and not 0 <= Decimal(content["percent"]) <= 100:
        raise RowFaultError(f"percent must be from 0 to 100, not {content['percent']}")
    if kind == "budget" and Decimal(content["amount"]) <= 0:
        raise RowFaultError("amount must be above 0 in a budget: to take one away, give its start as end")
    if amount is not None and kind != "one_off" and Decimal(amount) < 0:
        raise RowFaultError(f"amount must not be negative in a {kind}: a goodwill amount is a one_off")
    if amount is not None and currency is not None and kind != "subscription":
        rounded = from_minor(to_minor(Decimal(amount), currency), currency)
        if rounded != Decimal(amount):
            raise RowFaultError(f"amount {amount} has more decimals than {currency} has: write {plain(rounded)}")
    if "start" in content and "end" in content:
        _check_end(kind, content["start"], content["end"])


def _check_end(kind: str, start: str, end: str) -> None:
    """A subscription may end as it starts: it was cancelled before it began, and what was paid ahead is given back.

    So may a budget: there is none from then on.
    """
    if end < start or (end == start and kind not in BY_STARTS):
        more = f": to cancel it before it begins, give {start} as end" if kind == "subscription" else ""
        raise RowFaultError(f"end {end} is not after start {start}{more}")


def _currency(text: str) -> str:
    try:
        return currency_of(text.lower()).code
    except UnknownCurrencyError as error:
        raise RowFaultError(str(error)) from None


def _seats(text: str) -> str:
    if not (text.isascii() and text.isdecimal()) or len(text) > 9:
        raise RowFaultError(f"seats {text!r} is not a whole number")
    return str(int(text))


def _timing(text: str) -> str:
    if text not in ("advance", "arrears"):
        raise RowFaultError(f"timing {text!r} is not known: use advance or arrears")
    return text


def _priority(text: str) -> str:
    if not (text.isascii() and text.isdecimal()) or len(text) > 3 or int(text) > 100:
        raise RowFaultError(f"priority {text!r} is not a whole number from 0 (pays first) to 100")
    return str(int(text))


def _as_month(text: str) -> str:
    return str(read_month(text))


def _as_moment(text: str) -> str:
    return read_moment(text).isoformat()


def refused(file: Path, faults: Sequence[tuple[Item, str]]) -> ImportRefusedError:
    """The refusal of a file because of what is stored already."""
    return ImportRefusedError([f"{file}: row {item.row}: {fault}" for item, fault in faults])

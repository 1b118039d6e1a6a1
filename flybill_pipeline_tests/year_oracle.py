"""What a year of year_world.py must come to, in plain arithmetic. Uses nothing of the pipeline, on purpose: a mistake
that both made would have to be made twice. Amounts are minor units of currencies with two decimals."""

from calendar import monthrange
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from flybill_pipeline_tests.year_world import BOOKS, MONTHS, SYD_UP_TO, Row, Year

MINIMUM = 50
Priced = Counter[tuple[str, str, str]]
"""Org, service month and meter (or kind, of what is no usage) → minor units."""


@dataclass
class Account:
    """One org's months in their order: what each came to, and what they left."""

    outcomes: dict[str, tuple[str, int]] = field(default_factory=dict)
    credit_uses: Counter[str] = field(default_factory=Counter)
    discounted: int = 0
    carried: int = 0


def priced_at_close(year: Year) -> dict[str, Priced]:
    """At each month's close: all that was ever due up to that month, by what had arrived by then."""
    contracts = {org["org_id"]: org["contract"] for org in year.orgs}
    events: dict[str, Row] = {}
    items: dict[tuple[str, str], Mapping[str, str]] = {}
    found = {}
    for month in MONTHS:
        for row in year.usage[month]:
            events.setdefault(str(row["id"]), row)  # the first one stands
        for item in year.items[month]:
            items[item["item_id"], item["start"] if item["kind"] == "subscription" else ""] = item
        found[month] = _usage(events.values(), contracts)
        for key, amount in _fixed(items.values(), month):
            found[month][key] += amount
    return found


def accounts(year: Year, priced: Mapping[str, Priced]) -> dict[str, Account]:
    """Every org's year: what is newly due in a month, less discounts, with what was carried, less credits."""
    items = {item["item_id"]: item for month in MONTHS for item in year.items[month]}
    kept = {org["org_id"]: Account() for org in year.orgs}
    mine: dict[str, list[Mapping[str, str]]] = {org: [] for org in kept}
    for item in items.values():
        mine[item["org_id"]].append(item)
    before: Counter[str] = Counter()
    for month in MONTHS:
        due: Counter[str] = Counter()
        for (org, _, _), amount in priced[month].items():
            due[org] += amount
        for org, account in kept.items():
            _settle(account, month, due[org] - before[org], mine[org])
        before = due
    return kept


def _settle(account: Account, month: str, new: int, items: Iterable[Mapping[str, str]]) -> None:
    for item in items:
        if item["kind"] == "discount" and item["start"] <= month < item["end"] and new > 0:
            off = _minor(Decimal(new) * Decimal(item["percent"]) / 10_000) if "percent" in item else _cents(item)
            account.discounted += min(off, new)
            new -= min(off, new)
    total = new + account.carried
    for item in sorted(items, key=lambda each: each.get("start", "")):
        if item["kind"] == "credit" and item["start"][:7] <= month and item.get("end", "9999") > f"{month}-01":
            taken = max(min(total, _cents(item) - account.credit_uses[item["item_id"]]), 0)
            account.credit_uses[item["item_id"]] += taken
            total -= taken
    outcome = "invoiced" if total >= MINIMUM else "carried_forward" if total else "nothing_to_bill"
    account.outcomes[month] = outcome, total
    account.carried = total if outcome == "carried_forward" else 0


def _usage(events: Iterable[Row], contracts: Mapping[str, str]) -> Priced:
    """Each price rates the sum of its own days, and is rounded once a month."""
    sums: dict[tuple[str, str, str, str, tuple[str, ...]], Decimal] = {}
    for row in events:
        org, meter, day = str(row["org"]), str(row["meter"]), str(row["at"])[:10]
        partner = meter == "seconds" and contracts[org] == "partner"
        name = "partner" if partner else "syd" if meter == "seconds" and row.get("region") == "syd" else meter
        amounts = BOOKS[max(first for first in BOOKS if first <= day)]
        prices: tuple[str, ...] = (amounts["syd"], amounts["syd_more"]) if name == "syd" else (amounts[name],)
        key = org, day[:7], meter, name, prices
        sums[key] = sums.get(key, Decimal(0)) + Decimal(str(row["quantity"]))
    found: Priced = Counter()
    for (org, month, meter, _, prices), quantity in sums.items():
        first = min(quantity, Decimal(SYD_UP_TO)) if len(prices) == 2 else quantity
        found[org, month, meter] += _minor(first * Decimal(prices[0]) + (quantity - first) * Decimal(prices[-1]))
    return found


def _fixed(items: Iterable[Mapping[str, str]], month: str) -> Iterator[tuple[tuple[str, str, str], int]]:
    for item in items:
        if item["kind"] == "one_off" and item["month"] <= month:
            yield (item["org_id"], item["month"], "one_off"), _cents(item)
        if item["kind"] == "subscription":
            ahead = ["2026-01" if month == "2025-12" else MONTHS[MONTHS.index(month) + 1]]
            for service in [*(m for m in MONTHS if m <= month), *(ahead if item["timing"] == "advance" else [])]:
                yield (item["org_id"], service, "subscription"), _prorated(item, service)


def _prorated(item: Mapping[str, str], month: str) -> int:
    """What is due up to the last active day less what is due up to the first one, each rounded."""
    first = date.fromisoformat(f"{month}-01")
    length = monthrange(first.year, first.month)[1]
    whole = _minor(Decimal(item["amount"]) * int(item["seats"]))
    ends = [item["start"], item.get("end", "9999-12-31")]
    until = [min(max((date.fromisoformat(day) - first).days, 0), length) for day in ends]
    return _minor(Decimal(whole * until[1]) / length / 100) - _minor(Decimal(whole * until[0]) / length / 100)


def _cents(item: Mapping[str, str]) -> int:
    return _minor(Decimal(item["amount"]))


def _minor(amount: Decimal) -> int:
    return int((amount * 100).to_integral_value(ROUND_HALF_UP))

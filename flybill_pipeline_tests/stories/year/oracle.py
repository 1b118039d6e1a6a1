"""What a year of world.py must come to, close by close, in plain arithmetic; usage is rated in rating.py.

Uses nothing of the pipeline, on purpose: a mistake that both made would have to be made twice. Amounts are minor units.
"""

from calendar import monthrange
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from flybill_pipeline_tests.stories.year.paid import Paid, goes_back
from flybill_pipeline_tests.stories.year.prices import MONEY
from flybill_pipeline_tests.stories.year.rating import committed, minor, usage_due
from flybill_pipeline_tests.stories.year.world import (
    CLASHING,
    IMPORTED,
    LAST,
    MONTHS,
    PROBED,
    PROBES_PRICED,
    WAIVING,
    Org,
    Row,
    Year,
)

HOLD_ABOVE_MULTIPLE = 30
LARGEST_CREDIT = 20_000
LOOKBACK = 3
Item = Mapping[str, str]


@dataclass
class Account:
    """One org's months: what each came to, why it waited first, and what they left."""

    org: Org
    outcomes: dict[str, tuple[str, int]] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)
    billed: dict[str, Counter[str]] = field(default_factory=dict)
    """Service month → meter (or kind, of what is no usage) → minor units, over all invoices; what waits included."""
    known: dict[str, frozenset[str]] = field(default_factory=dict)
    """Service month → the usage that it was last billed from."""
    too_late: set[tuple[str, str]] = field(default_factory=set)
    """In which month's close usage of which earlier month was found that nothing bills any more."""
    first_billed: dict[tuple[str, str, str], str] = field(default_factory=dict)
    """Service month, id and start of a plan → the month whose invoice billed it first."""
    holding: dict[str, set[str]] = field(default_factory=dict)
    """Month → the discounts that held in it when it was settled first."""
    taken_off: Counter[str] = field(default_factory=Counter)
    """Month → what its discounts took off its lines, on whichever invoice."""
    credit_uses: Counter[str] = field(default_factory=Counter)
    paid: list[Paid] = field(default_factory=list)
    """Its settled months in the order of their settling, with what credits paid for."""
    returned: int = 0
    discounted: int = 0
    waived: int = 0
    waiting: int = 0
    carried: int = 0

    @property
    def settled(self) -> list[str]:
        return [month for month, (outcome, _) in self.outcomes.items() if outcome != "held"]


def accounts(year: Year) -> dict[str, Account]:
    """Every org's year, in the order in which its months are closed and what waits is mended."""
    kept = {org.org_id: Account(org) for org in year.orgs}
    events: dict[str, dict[str, Row]] = {org: {} for org in kept}
    items: dict[str, dict[tuple[str, str], Item]] = {org: {} for org in kept}
    for month in MONTHS:
        for row in year.usage[month]:
            events[str(row["org"])].setdefault(str(row["id"]), row)  # the first one stands
        for item in year.items[month]:
            items[item["org_id"]][item["item_id"], item["start"] if item["kind"] == "subscription" else ""] = item
        for org, account in kept.items():
            if account.org.imported or month >= IMPORTED:
                _close(account, month, list(events[org].values()), list(items[org].values()))
    return kept


def _close(account: Account, month: str, events: list[Row], items: list[Item]) -> None:
    """The close of a month, and what is mended right after it."""
    org, probed = account.org, any(row["meter"] == "probes" for row in events)
    _note_too_late(account, month, events)
    if month == IMPORTED and not org.imported:
        account.held[month] = "unknown_org"
    elif month == CLASHING and org.kind == 11:
        account.held[month] = "currency"
    elif month == PROBED and probed:
        account.held[month], account.outcomes[month] = "unpriced_meter", ("held", 0)
        return
    _settle(account, month, events, items)
    if month == PROBES_PRICED and probed:
        _settle(account, PROBED, events, items)


def _note_too_late(account: Account, month: str, events: Iterable[Row]) -> None:
    """Months before the look-back of which more usage is known than when they could last be billed."""
    for service in MONTHS[: max(MONTHS.index(month) - LOOKBACK, 0)]:
        if service in account.settled and _known(events, service) != account.known[service]:
            account.too_late.add((month, service))


def _known(events: Iterable[Row], service: str) -> frozenset[str]:
    return frozenset(str(row["id"]) for row in events if str(row["at"])[:7] == service)


def _settle(account: Account, month: str, events: list[Row], items: list[Item]) -> None:
    """What is newly due, less discounts, with what was carried, less credits; then its outcome.

    What credits had paid for, and is not due any more, goes back to them first.
    """
    off = dict(_newly_off(account, month, events, items))
    new = _newly_due(account, month, events, items)
    account.discounted += sum(off.values())
    net = {service: new[service] - off.get(service, 0) for service in new.keys() | off.keys()}
    back = list(goes_back(account.paid, net, dict(_left(account, items))))
    for _, credit, amount in back:
        account.credit_uses[credit] -= amount
    total = sum(net.values()) + sum(amount for *_, amount in back) + account.carried
    uses = dict(_credits(account, items, month, total))
    total -= sum(uses.values())
    if reason := _unusual(account, month, total):
        account.held.setdefault(month, reason)
        if month == LAST:
            account.outcomes[month] = "held", total
            account.waiting, account.discounted = sum(new.values()), account.discounted - sum(off.values())
            for _, credit, amount in back:
                account.credit_uses[credit] += amount
            return
    account.credit_uses.update(uses)
    for paid, credit, amount in back:
        paid.back[credit] += amount
        account.returned += abs(amount)
    account.outcomes[month] = _outcome(account, month, total), total
    account.waived += total if account.outcomes[month][0] == "waived" else 0
    account.carried = total if account.outcomes[month][0] == "carried_forward" else 0
    waived = total if account.outcomes[month][0] == "waived" else 0
    account.paid.append(Paid(month, net, uses, carried=bool(account.carried), waived=waived))
    for service in [month, *_looked_back_on(account, month)]:
        account.known[service] = _known(events, service)


def _newly_off(account: Account, month: str, events: list[Row], items: list[Item]) -> Iterator[tuple[str, int]]:
    """Of this month and those looked back on: what their discounts take off by now, less what they took off before.

    A discount takes its part of what the invoice of its month billed first, as that is known now.
    """
    account.holding.setdefault(
        month,
        {each["item_id"] for each in items if each["kind"] == "discount" and each["start"] <= month < each["end"]},
    )
    for service in [*_looked_back_on(account, month), month]:
        base = _first_billed_in(account, service, events, items, now=service == month)
        left = sum(base.values())
        for item in sorted(items, key=lambda each: each["item_id"]):
            if item["item_id"] in account.holding[service]:
                left -= _off(item, base[item["meters"]] if "meters" in item else left, account.org.currency)
        off = sum(base.values()) - left
        yield service, off - account.taken_off[service]
        account.taken_off[service] = off
    for service, plans in ((month, _plans(account.org, items, month)), *_ahead(account, month, items)):
        for key, _ in plans:
            account.first_billed.setdefault((service, *key), month)


def _ahead(
    account: Account, month: str, items: list[Item]
) -> Iterator[tuple[str, Iterator[tuple[tuple[str, str], int]]]]:
    """The plans that the invoice of a month bills for the next one, which is not billed yet."""
    if _next(month) not in account.settled:
        yield _next(month), _plans(account.org, items, _next(month), ahead=True)


def _first_billed_in(account: Account, month: str, events: list[Row], items: list[Item], *, now: bool) -> Counter[str]:
    """By meter (or kind) what the invoice of a month billed first, or bills `now`; as it is known now."""
    base = _due(account.org, month, events, items)
    base["subscription"] = 0
    for key, amount in _plans(account.org, items, month):
        if account.first_billed.get((month, *key), month) >= month:
            base["subscription"] += amount
    for key, amount in _plans(account.org, items, _next(month), ahead=True):
        first = account.first_billed.get((_next(month), *key))
        if first == month or (now and first is None and _next(month) not in account.settled):
            base["subscription"] += amount
    return base


def _newly_due(account: Account, month: str, events: list[Row], items: list[Item]) -> Counter[str]:
    """By service month what is due by now of this month and those looked back on, less what was billed for them."""
    due = {service: _due(account.org, service, events, items) for service in _looked_back_on(account, month)}
    due[month] = _due(account.org, month, events, items)
    for service, plans in _ahead(account, month, items):
        due[service] = Counter({"subscription": sum(amount for _, amount in plans)})
    new: Counter[str] = Counter()
    for service, amounts in due.items():
        before = account.billed.get(service, Counter())
        for key in amounts.keys() | before.keys():
            new[service] += amounts[key] - before[key]
        account.billed[service] = amounts
    return new


def _looked_back_on(account: Account, month: str) -> list[str]:
    index = MONTHS.index(month)
    return [service for service in MONTHS[max(index - LOOKBACK, 0) : index] if service in account.settled]


def _next(month: str) -> str:
    return "2026-01" if month == LAST else MONTHS[MONTHS.index(month) + 1]


def _due(org: Org, service: str, events: Iterable[Row], items: list[Item]) -> Counter[str]:
    due = usage_due(org, service, events)
    due["subscription"] = sum(amount for _, amount in _plans(org, items, service))
    one_offs = [
        minor(Fraction(item["amount"]), org.currency)
        for item in items
        if item["kind"] == "one_off" and item["month"] == service
    ]
    due["one_off"] = sum(one_offs)
    if org.contract_in(service) == "committed":
        given = -sum(amount for amount in one_offs if amount < 0)
        due["true_up"] = max(committed(org) - sum(due.values()) - given, 0)
    return due


def _plans(
    org: Org, items: Iterable[Item], service: str, *, ahead: bool = False
) -> Iterator[tuple[tuple[str, str], int]]:
    """Id and start of each plan, and what is due up to its last active day less what is due up to the first one."""
    first = date.fromisoformat(f"{service}-01")
    length, step = monthrange(first.year, first.month)[1], MONEY[org.currency].step
    for item in items:
        if item["kind"] == "subscription" and (item["timing"] == "advance" or not ahead):
            whole = minor(Fraction(item["amount"]) * int(item["seats"]), org.currency)
            ends = (date.fromisoformat(item.get("end", "9999-12-31")), date.fromisoformat(item["start"]))
            until, since = (min(max((day - first).days, 0), length) for day in ends)
            if until > since:
                amount = (_half_up(whole * until, length * step) - _half_up(whole * since, length * step)) * step
                yield (item["item_id"], item["start"]), amount


def _half_up(dividend: int, divisor: int) -> int:
    return (2 * dividend + divisor) // (2 * divisor)


def _off(item: Item, base: int, currency: str) -> int:
    if base <= 0:
        return 0
    if "amount" in item:
        return min(minor(Fraction(item["amount"]), currency), base)
    return minor(Fraction(base, MONEY[currency].per_major) * Fraction(item["percent"]) / 100, currency)


def _left(account: Account, items: Iterable[Item]) -> Iterator[tuple[str, int]]:
    for item in items:
        if item["kind"] == "credit":
            whole = minor(Fraction(item["amount"]), account.org.currency)
            yield item["item_id"], whole - account.credit_uses[item["item_id"]]


def _credits(account: Account, items: Iterable[Item], month: str, total: int) -> Iterator[tuple[str, int]]:
    """What each credit pays: what ends soonest goes first, then the oldest."""
    for item in sorted(items, key=lambda each: (each.get("end", "9999"), each.get("start", ""), each["item_id"])):
        if item["kind"] == "credit" and item["start"][:7] <= month and item.get("end", "9999") > f"{month}-01":
            whole = minor(Fraction(item["amount"]), account.org.currency)
            taken = max(min(total, whole - account.credit_uses[item["item_id"]]), 0)
            total -= taken
            yield item["item_id"], taken


def _unusual(account: Account, month: str, total: int) -> str | None:
    """Why a person must look at the total, if one must."""
    if -total > LARGEST_CREDIT:
        return "large_credit"
    recent = [account.outcomes[each][1] for each in sorted(account.settled, reverse=True) if each < month][:3]
    average = sum(recent) // 3 if len(recent) == 3 else 0
    return "unusual_total" if average > 0 and total > HOLD_ABOVE_MULTIPLE * average else None


def _outcome(account: Account, month: str, total: int) -> str:
    if total <= 0:
        return "carried_forward" if total else "nothing_to_bill"
    if total >= MONEY[account.org.currency].minimum:
        return "invoiced"
    return "waived" if month in WAIVING else "carried_forward"

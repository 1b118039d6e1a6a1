"""A year of organizations with everything mixed, made from a seed: items and usage files, as a deployment is given them
month by month, and what goes wrong. What they come to is the oracle's (oracle.py); nothing is run or asserted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

from flybill_pipeline_tests.stories.year.prices import MONEY
from flybill_pipeline_tests.worlds.deployment import event

MONTHS = tuple(f"2025-{number:02d}" for number in range(1, 13))
LAST_DAYS = dict(zip(MONTHS, (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), strict=True))
LAST = MONTHS[-1]
CHANGE = "2025-06"
"""The month in which prices change on the 16th."""

# What is special in a month. Whatever is held is mended right after its close, but for PROBED and what LAST holds.
WAIVING = ("2025-04", "2025-11")
FAULTY = {"2025-03": 0.15, "2025-09": 0.2}
OUTAGE = "2025-05"
PROBED, PROBES_PRICED = "2025-07", "2025-08"
"""When probes are used that no book prices, and in which month, after its close, they get a price."""
IMPORTED = "2025-04"
"""When the organizations that nobody imported have their first usage."""
CLASHING = "2025-08"
CREDITED = (3, 11)
FORGOTTEN, FOUND = "2025-02", "2025-09"
"""The month of usage that lands too late, and the month in which it lands."""

KINDS = 12
"""The kinds of organizations: a dozen have everything."""
LOOKED_AT = 4 * KINDS
"""Only the first organizations have what somebody must look at, one by one."""

Row = Mapping[str, object]

CONTRACTS = {"committed": ("2025-02-01", "2025-11-01"), "partner": ("2025-04-01", "")}
"""The first day of each contract, and the day on which it ends; both are stated before the year begins."""


@dataclass
class Org:
    """Who is billed. `kind` says what is special about it, see make_year."""

    number: int
    kind: int
    currency: str
    contract: str

    @property
    def org_id(self) -> str:
        return f"org{self.number:04d}"

    def contract_in(self, month: str) -> str:
        """The contract that holds in a month; "" for none."""
        start, end = CONTRACTS.get(self.contract, ("", ""))
        return self.contract if start <= f"{month}-01" and (not end or f"{month}-01" < end) else ""

    @property
    def imported(self) -> bool:
        """Whether it is imported before the year begins."""
        return self.kind != 8

    def row(self, currency: str = "", currency_from: str = "") -> dict[str, str]:
        """Its row of a file, as if it were billed in `currency` from a day on."""
        return {
            "org_id": self.org_id,
            "name": self.org_id,
            "currency": currency or self.currency,
            "currency_from": currency_from,
            "contract": self.contract,
            **dict(zip(("contract_from", "contract_until"), CONTRACTS.get(self.contract, ("", "")), strict=True)),
        }

    def amount(self, hundredths: int) -> str:
        """So many hundredths of a dollar in its own currency."""
        return str(Decimal(hundredths) * MONEY[self.currency].dollar / 100)


@dataclass
class Year:
    """What arrives in each month before it is closed; rows as files have them."""

    orgs: list[Org] = field(default_factory=list)
    items: dict[str, list[dict[str, str]]] = field(default_factory=lambda: {month: [] for month in MONTHS})
    usage: dict[str, list[dict[str, object]]] = field(default_factory=lambda: {month: [] for month in MONTHS})


def make_year(orgs: int, seed: int = 134) -> Year:
    """A year of that many organizations. A dozen have all kinds: each has usage of seconds and builds, and

    0 seats, 1 disks, 2 users and visitors, 3 probes without a price, 4 requests, 5 bytes, 6 a gauge, 7 a contract with
    minimum and maximum spend, 8 is not imported when it begins, 9 has a large credit, 10 usage that lands too late,
    11 another currency for a while.
    """
    random, year = Random(seed), Year()
    for number in range(orgs):
        kind = number % KINDS
        currency = {4: "jpy", 6: "kwd"}.get(kind, "eur" if number % 3 == 2 else "usd")
        contract = "committed" if kind == 7 else "partner" if number % 5 == 3 else ""
        org = Org(number, kind, currency, contract)
        year.orgs.append(org)
        _add_usage(year, random, org, tiny=number % 4 == 1)
        _add_special_usage(year, random, org)
        for row, month in _items(random, org, number):
            year.items[month if org.imported else max(month, "2025-05")].append(row)
    for rows in year.usage.values():
        random.shuffle(rows)
    for month, items in year.items.items():  # what is said twice in a month counts as it was said last
        year.items[month] = list({(item["item_id"], item.get("start")): item for item in items}.values())
    return year


def _add_usage(year: Year, random: Random, org: Org, *, tiny: bool) -> None:
    """On the days around every boundary; a part of it lands up to three months late, or twice, or corrects."""
    most = 12_000 if tiny else 900_000  # thousandths
    for month in MONTHS[0 if org.imported else MONTHS.index(IMPORTED) :]:
        if random.random() < (0.4 if org.kind == 7 else 0.1) and month not in (IMPORTED, CLASHING):
            continue  # a month without usage
        for number in range(random.randint(2, 5)):
            meter = random.choice(("seconds", "seconds", "builds"))
            region = random.choice(({}, {"region": "iad"}, {"region": "syd"}))
            if meter == "seconds" and org.contract == "partner":
                region = {}  # the contract has one price for all regions
            quantity = f"{random.randint(1, most) / 1000:.3f}"
            row = event(f"{org.org_id}-{month}-{number}", org.org_id, quantity, "", meter, **region)
            _land(year, random, row, month, late=org.imported or month != IMPORTED)
        if random.random() < 0.25:  # more than was used, sometimes: the month becomes a credit
            correction = f"-{random.randint(1, most) / 1000:.3f}"
            at = f"{month}-{LAST_DAYS[month]}T23:59:59.999999Z"
            row = event(f"{org.org_id}-{month}-correction", org.org_id, correction, at)
            year.usage[_later(month, MONTHS.index(month) % 3)].append(row)


def _add_special_usage(year: Year, random: Random, org: Org) -> None:
    for month in MONTHS:
        for place, (meter, quantity, more) in enumerate(_special(random, org, month)):
            row = event(f"{org.org_id}-{month}-{meter}{place}", org.org_id, quantity, "", meter, **more)
            if meter == "probes":
                year.usage[month].append({**row, "at": f"{month}-{LAST_DAYS[month]}T12:00:00Z"})
            else:
                _land(year, random, row, month)
    if org.kind in CREDITED:  # what a credit paid is not due for a while
        for part, (quantity, lands_in) in enumerate((("-4500", "2025-04"), ("4200", "2025-05"))):
            row = event(f"{org.org_id}-credited{part}", org.org_id, quantity, "2025-02-28T23:00:00Z")
            year.usage[lands_in].append(row)
    if org.kind == 10:
        at = f"{FORGOTTEN}-{LAST_DAYS[FORGOTTEN]}T08:00:00Z"
        year.usage[FOUND].append(event(f"{org.org_id}-forgotten", org.org_id, "500", at))


def _special(random: Random, org: Org, month: str) -> Iterator[tuple[str, str, dict[str, str]]]:
    """The usage of one month that only organizations of this kind have: meter, quantity, dimensions."""
    region = random.choice(({}, {"region": "iad"}))
    match org.kind:
        case 0:
            yield from (("seats", str(random.randint(1, 14)), region) for _ in range(3))
        case 1 if random.random() < 0.6:
            yield from (("disk", f"{random.randint(-4000, 9000) / 1000:.3f}", region) for _ in range(2))
        case 2:
            for _ in range(5):
                yield "users", "1", {"user": random.choice("abcdefg"), **region}
                yield "visitors", str(random.randint(1, 4)), random.choice(({}, {"region": "syd"}))
        case 3 if month == PROBED and org.number < LOOKED_AT:
            yield "probes", "7", {}
        case 4:
            yield from (("requests", str(random.randint(1, 9)), {}) for _ in range(random.randint(1, 9)))
        case 5:
            yield from (("bytes", f"{random.randint(-2000, 9000) / 10:.1f}", {}) for _ in range(3))
        case 6:
            yield from (("gauge", str(random.randint(0, 1500)), region) for _ in range(3))


def _land(year: Year, random: Random, row: dict[str, object], month: str, *, late: bool = True) -> None:
    """Gives the event a time in `month`, and lands it in it or later, once or more often."""
    # Each day with usage is a run of Dagster's: few days, all of them at a boundary.
    change = ("15T23:59:59.999999Z", "16T00:00:00Z", "16T06:30:00.5Z") if month == CHANGE else ()
    begin = ("01T00:00:00Z", "01T17:15:00Z") if LAST_DAYS[month] == 31 else ()
    at = random.choice((f"{LAST_DAYS[month]}T{random.randint(0, 23):02d}:59:59.999999Z", *begin, *change))
    made = {**row, "at": f"{month}-{at}"}
    soon, late_in = _later(month, 1), _later(month, 1 + MONTHS.index(month) % 3)
    lands_in = random.choice((soon, late_in)) if late and random.random() < 0.25 else month
    year.usage[lands_in].append(made)
    if random.random() < 0.15:  # delivered again, and later with another quantity, which does not count
        year.usage[lands_in].append(made)
        if lands_in < late_in:
            year.usage[late_in].append({**made, "quantity": "77"})


def _later(month: str, months: int) -> str:
    return MONTHS[min(MONTHS.index(month) + months, len(MONTHS) - 1)]


def _items(random: Random, org: Org, number: int) -> Iterator[tuple[dict[str, str], str]]:
    """Items with the month in which they are imported."""
    common = {"org_id": org.org_id, "currency": org.currency}
    if number % 2 == 0:
        yield from _subscription(random, org, common, "advance" if number % 4 == 0 else "arrears")
    one_offs = [(random.choice(MONTHS), random.randint(-2000, 3000))] if number % 3 == 0 else []
    if number < LOOKED_AT:
        one_offs += [("2025-05", -30000), ("2025-06", 25000), (LAST, -45000)] if org.kind == 9 else []
        one_offs += [("2025-11", 30000)] if org.kind == 5 else []
    one_offs += [(CLASHING, 700)] if org.kind == 11 else []
    for part, (month, hundredths) in enumerate(one_offs):
        item = {**common, "item_id": f"{org.org_id}-item{part}", "kind": "one_off", "name": "Setup", "month": month}
        yield {**item, "amount": org.amount(hundredths)}, month
    if number % 4 in (2, 3):
        for part, (start, end) in enumerate((("2025-02-01", "2025-05-01"), ("2025-03-10", ""))):
            credit = {**common, "item_id": f"{org.org_id}-credit{part}", "kind": "credit", "name": "Prepaid"}
            amount = org.amount(random.randint(500, 6000))
            yield {**credit, "amount": amount, "start": start} | ({"end": end} if end else {}), start[:7]
    if number % 5 in (0, 1):
        yield from ((discount, "2025-03") for discount in _discounts(org, number))


def _discounts(org: Org, number: int) -> Iterator[dict[str, str]]:
    start = "2025-03" if org.imported else "2025-05"  # none can be given for months that are billed
    common = {"kind": "discount", "org_id": org.org_id, "name": "Early bird", "start": start, "end": "2025-10"}
    if number % 5 == 1:
        yield {**common, "item_id": f"{org.org_id}-meter", "percent": "33.3", "meters": "seconds"}
    whole = {"percent": "12.5"} if number % 10 == 0 else {"amount": org.amount(333), "currency": org.currency}
    yield {**common, "item_id": f"{org.org_id}-whole", **whole}


def _subscription(
    random: Random, org: Org, common: dict[str, str], timing: str
) -> Iterator[tuple[dict[str, str], str]]:
    """A plan that begins in mid-month, changes seats, then plan (which is known a month late), and is cancelled."""
    plan = {**common, "item_id": f"{org.org_id}-plan", "kind": "subscription", "name": "Team", "timing": timing}
    months = [2, random.randint(3, 5), 7, random.randint(10, 12)]
    if not org.imported:  # what it has in months before its first one would keep it waiting
        months[:2] = [int(IMPORTED[-2:]), int(IMPORTED[-2:]) + 1]
    begins, seats, changes, ends = (f"2025-{month:02d}-{random.randint(1, 28):02d}" for month in months)
    first = {**plan, "amount": org.amount(999), "start": begins, "seats": "3"}
    second = {**first, "start": seats, "seats": str(random.randint(4, 9))}
    third = {**second, "name": "Business", "amount": org.amount(2495), "start": changes}
    yield first, begins[:7]
    yield {**first, "end": seats}, seats[:7]
    yield second, seats[:7]
    yield {**second, "end": changes}, "2025-08"
    yield third, "2025-08"
    yield {**third, "end": ends}, ends[:7]

"""A year of organizations with everything mixed, made from a seed: prices, items and usage files, as a deployment is
given them month by month. What they come to is the oracle's (year_oracle.py); nothing is run or asserted here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random

from flybill_pipeline_tests.flybill_process import event

MONTHS = tuple(f"2025-{number:02d}" for number in range(1, 13))
LAST_DAYS = dict(zip(MONTHS, (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), strict=True))

# First day → unit amounts; the second book begins in mid-month, and leaves alone what builds and syd cost.
BOOKS: Mapping[str, Mapping[str, str]] = {
    "2025-01-01": {"seconds": "0.0137", "partner": "0.0111", "builds": "0.0725", "syd": "0.031", "syd_more": "0.0195"},
    "2025-06-16": {"seconds": "0.0149", "partner": "0.0123", "builds": "0.0725", "syd": "0.031", "syd_more": "0.0195"},
    "2025-09-01": {"seconds": "0.0149", "partner": "0.0117", "builds": "0.081", "syd": "0.0295", "syd_more": "0.021"},
}
SYD_UP_TO = 100
"""The first tier of seconds in syd, in seconds a month."""

Row = Mapping[str, object]


@dataclass
class Year:
    """What arrives in each month before it is closed; rows as files have them."""

    orgs: list[dict[str, str]] = field(default_factory=list)
    items: dict[str, list[dict[str, str]]] = field(default_factory=lambda: {month: [] for month in MONTHS})
    usage: dict[str, list[dict[str, object]]] = field(default_factory=lambda: {month: [] for month in MONTHS})


def book(first_day: str, currency: str) -> str:
    """One price book as TOML."""
    amounts = BOOKS[first_day]
    return f"""
effective_from = {first_day}
currency = "{currency}"
[meters.seconds]
aggregation = "sum"
unit = "second"
[meters.builds]
aggregation = "sum"
unit = "build"
[[prices]]
meter = "seconds"
model = "per_unit"
unit_amount = {amounts["seconds"]}
[[prices]]
meter = "seconds"
match = {{ region = "syd" }}
model = "graduated"
tiers = [ {{ up_to = {SYD_UP_TO}, unit_amount = {amounts["syd"]} }}, {{ unit_amount = {amounts["syd_more"]} }} ]
[[prices]]
meter = "builds"
model = "per_unit"
unit_amount = {amounts["builds"]}
[[contracts.partner.prices]]
meter = "seconds"
model = "per_unit"
unit_amount = {amounts["partner"]}
"""


def make_year(orgs: int, seed: int = 7) -> Year:
    """A year of that many organizations; what each of them has is a turn of the kinds below, so a dozen have all."""
    random, year = Random(seed), Year()
    for number in range(orgs):
        org = f"org{number:04d}"
        contract = "partner" if number % 5 == 3 else ""
        currency = "eur" if number % 3 == 2 else "usd"
        year.orgs.append({"org_id": org, "name": org, "currency": currency, "contract": contract})
        _add_usage(year, random, org, tiny=number % 4 == 1)
        for row, month in _items(random, org, currency, number):
            year.items[month].append(row)
    for rows in year.usage.values():
        random.shuffle(rows)
    return year


def _add_usage(year: Year, random: Random, org: str, *, tiny: bool) -> None:
    """On the days around every boundary; a part of it lands up to three months late, or twice, or corrects."""
    most = 12_000 if tiny else 900_000  # thousandths
    for index, month in enumerate(MONTHS):
        if random.random() < 0.1:
            continue  # a month without usage
        soon, late_in = (MONTHS[min(index + 1 + more, len(MONTHS) - 1)] for more in (0, index % 3))
        for number in range(random.randint(2, 5)):
            row = _row(random, f"{org}-{month}-{number}", org, month, most)
            lands_in = random.choice((soon, late_in)) if random.random() < 0.25 else month
            year.usage[lands_in].append(row)
            if random.random() < 0.15:  # delivered again, and later with another quantity, which does not count
                year.usage[lands_in].append(row)
                if lands_in < late_in:
                    year.usage[late_in].append({**row, "quantity": "77"})
        if random.random() < 0.25:  # more than was used, sometimes: the month becomes a credit
            correction = f"-{random.randint(1, most) / 1000:.3f}"
            at = f"{month}-{LAST_DAYS[month]}T23:59:59.999999Z"
            year.usage[late_in].append(event(f"{org}-{month}-correction", org, correction, at))


def _row(random: Random, name: str, org: str, month: str, most: int) -> dict[str, object]:
    # Each day with usage is a run of Dagster's: few days, all of them at a boundary.
    change = ("15T23:59:59.999999Z", "16T00:00:00Z") if f"{month}-16" in BOOKS else ()
    begin = ("01T00:00:00Z",) if LAST_DAYS[month] == 31 else ()
    at = random.choice((f"{LAST_DAYS[month]}T23:59:59.999999Z", *begin, *change))
    quantity = f"{random.randint(1, most) / 1000:.3f}"
    meter = random.choice(("seconds", "seconds", "builds"))
    region = random.choice(({}, {"region": "iad"}, {"region": "syd"}))
    if meter == "seconds" and org.endswith(("3", "8")):
        region = {}  # the contract has one price for all regions
    return event(name, org, quantity, f"{month}-{at}", meter, **region)


def _items(random: Random, org: str, currency: str, number: int) -> Iterator[tuple[dict[str, str], str]]:
    """Items with the month in which they are imported."""
    common = {"org_id": org, "currency": currency}
    if number % 2 == 0:
        yield from _subscription(random, common, f"{org}-plan", "advance" if number % 4 == 0 else "arrears")
    if number % 3 == 0:
        amount = f"{random.randint(-2000, 3000) / 100:.2f}"
        month = random.choice(MONTHS)
        yield (
            {**common, "item_id": f"{org}-setup", "kind": "one_off", "name": "Setup", "amount": amount, "month": month},
            month,
        )
    if number % 4 in (2, 3):
        for part, (start, end) in enumerate((("2025-02-01", "2025-05-01"), ("2025-03-10", ""))):
            amount = f"{random.randint(500, 6000) / 100:.2f}"
            credit = {**common, "item_id": f"{org}-credit{part}", "kind": "credit", "name": "Prepaid", "amount": amount}
            yield {**credit, "start": start} | ({"end": end} if end else {}), start[:7]
    if number % 5 == 0:
        discount = {"item_id": f"{org}-early", "kind": "discount", "org_id": org, "name": "Early bird"}
        size = {"percent": "12.5"} if number % 10 == 0 else {"amount": "3.33", "currency": currency}
        yield {**discount, **size, "start": "2025-03", "end": "2025-10"}, "2025-03"


def _subscription(
    random: Random, common: dict[str, str], item_id: str, timing: str
) -> Iterator[tuple[dict[str, str], str]]:
    """A plan that begins in mid-month, changes seats, then plan (which is known a month late), and is cancelled."""
    plan = {**common, "item_id": item_id, "kind": "subscription", "name": "Team", "amount": "9.99", "timing": timing}
    begins, seats, changes, ends = (
        f"2025-{month:02d}-{random.randint(1, 28):02d}"
        for month in (2, random.randint(3, 5), 7, random.randint(10, 12))
    )
    first = {**plan, "start": begins, "seats": "3"}
    second = {**plan, "start": seats, "seats": str(random.randint(4, 9))}
    third = {**second, "name": "Business", "amount": "24.95", "start": changes}
    yield first, begins[:7]
    yield {**first, "end": seats}, seats[:7]
    yield second, seats[:7]
    yield {**second, "end": changes}, "2025-08"
    yield third, "2025-08"
    yield {**third, "end": ends}, ends[:7]

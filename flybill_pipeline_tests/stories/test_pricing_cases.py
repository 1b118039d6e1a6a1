"""Every case of pricing_cases.py, asked with `flybill quote` and billed by a month's close; which price is chosen."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flybill_pipeline_tests.stories.pricing_cases import CASES, METERS, Case
from flybill_pipeline_tests.worlds.deployment import Deployments, Flybill, event
from flybill_pipeline_tests.worlds.emulator import Emulators

MONTH = "2025-10"
CHOICES = (
    METERS
    + """
[[prices]]
meter = "units"
model = "per_unit"
unit_amount = 1
minimum_spend = 2
[[prices]]
meter = "units"
match = { region = "syd" }
model = "per_unit"
unit_amount = 3
[[prices]]
meter = "units"
match = { region = "syd", size = "xl" }
model = "per_unit"
unit_amount = 5
[[contracts.own.prices]]
meter = "units"
match = { region = "syd" }
model = "per_unit"
unit_amount = 2
[[contracts.tiers.prices]]
meter = "units"
model = "graduated"
group_by = ["region"]
tiers = [ { up_to = 50, unit_amount = 1 }, { unit_amount = 0.5 } ]
"""
)


def book(currency: str) -> str:
    """Every case of that currency, as a contract of its own."""
    contracts = "".join(
        f"[[contracts.{name}.prices]]\nmeter = '{case.meter}'\n{case.price}\n"
        for name, case in CASES.items()
        if case.currency == currency
    )
    return f'effective_from = 2025-01-01\ncurrency = "{currency}"\n{CHOICES}{contracts}'


@pytest.fixture(scope="module")
def flybill(deploy: Deployments, emulators: Emulators) -> Iterator[Flybill]:
    """A month with an organization for each case; usage comes on two days, of which one takes a part of it back."""
    with emulators.lent() as emulator, deploy(emulator, shards=1) as found:
        for currency in {case.currency for case in CASES.values()}:
            found.prices(f"{currency}.toml", book(currency))
        orgs = [(name, case.currency) for name, case in CASES.items()] + [("tiers", "usd")]
        found.import_orgs(
            [{"org_id": o, "name": o, "currency": c, "contract": o, "contract_from": "2020-01-01"} for o, c in orgs]
        )
        usage = [event("t8", "tiers", "60", f"{MONTH}-09T00:00:00Z", "units", region="iad")]
        usage += [event("t9", "tiers", "60", f"{MONTH}-10T00:00:00Z", "units", region="fra")]
        for name, case in CASES.items():
            more = str(Decimal(case.quantity) + 3)
            usage.append(event(f"{name}-1", name, more, f"{MONTH}-09T00:00:00Z", case.meter))
            usage.append(event(f"{name}-2", name, "-3", f"{MONTH}-10T00:00:00Z", case.meter))
        found.land("cases.jsonl", usage)
        closed = found("close", MONTH, "--json")
        assert closed.status == 0, closed
        yield found


def asked(flybill: Flybill, meter: str, quantity: str, *more: str, currency: str = "usd") -> Any:
    ran = flybill(
        *("quote", "--prices", str(flybill.home / "prices"), "--currency", currency, "--json"),
        *("--meter", meter, "--quantity", quantity, *more),
    )
    assert ran.status == 0, ran
    return ran.json()


@pytest.mark.parametrize("name", CASES)
def test_a_case_is_quoted_and_billed_as_by_hand(name: str, flybill: Flybill) -> None:
    case: Case = CASES[name]
    quoted = asked(flybill, case.meter, case.quantity, "--contract", name, currency=case.currency)
    assert (Decimal(quoted["amount"]), quoted["amount_minor"], quoted["currency"]) == (
        Decimal(case.amount),
        case.minor,
        case.currency,
    )
    answer = flybill("owes", name, "--month", MONTH, "--json").json()
    (line,) = answer["lines"]
    assert (answer["total_minor"], line["amount_minor"]) == (case.minor, case.minor)
    assert Decimal(line["quantity"]) == Decimal(case.billed or case.quantity)
    assert sum(Decimal(step["amount"]) for step in line["working"]) == Decimal(case.amount)
    assert line["working"] == quoted["working"]


@pytest.mark.parametrize(
    ("more", "minor"),
    [
        ((), 1000),
        (("--dimension", "region=iad"), 1000),
        (("--dimension", "region=syd"), 3000),
        (("--dimension", "region=syd", "--dimension", "size=s"), 3000),
        (("--dimension", "region=syd", "--dimension", "size=xl"), 5000),
        (("--dimension", "size=xl"), 1000),
        (("--dimension", "region=syd", "--contract", "own"), 2000),
        (("--dimension", "region=syd", "--dimension", "size=xl", "--contract", "own"), 5000),  # more specific
        (("--contract", "own"), 1000),
    ],
)
def test_the_most_specific_price_is_quoted(more: tuple[str, ...], minor: int, flybill: Flybill) -> None:
    assert asked(flybill, "units", "10", *more)["amount_minor"] == minor


def test_a_minimum_outside_of_a_contract_needs_usage(flybill: Flybill) -> None:
    assert [asked(flybill, "units", quantity)["amount_minor"] for quantity in ("0", "0.5", "2", "3")] == [
        0,
        200,
        200,
        300,
    ]


def test_each_value_of_a_group_has_tiers_of_its_own(flybill: Flybill) -> None:
    lines = flybill("owes", "tiers", "--month", MONTH, "--json").json()["lines"]
    found = [(line["dimensions"]["region"], line["quantity"], line["amount_minor"]) for line in lines]
    assert found == [("fra", "60", 5500), ("iad", "60", 5500)]


@pytest.mark.parametrize("place", ["price", "tier", "meter", "book", "contract"])
def test_a_field_that_nobody_knows_is_refused_by_its_path(place: str, tmp_path: Path, flybill: Flybill) -> None:
    text = {
        "price": '[[prices]]\nmeter = "units"\nmodel = "per_unit"\nunit_amount = 1\nflat_fee = 2\n',
        "tier": '[[prices]]\nmeter = "units"\nmodel = "volume"\ntiers = [ { unit_amount = 1, cap = 2 } ]\n',
        "meter": '[meters.more]\naggregation = "sum"\nunit = "x"\nwindow = "day"\n',
        "book": "",
        "contract": "[contracts.acme]\nmaximum_spend = 4\n",
    }[place]
    head = 'effective_from = 2025-01-01\ncurrency = "usd"\n' + ("vat = 19\n" if place == "book" else "")
    (tmp_path / "usd.toml").write_text(f"{head}{METERS}{text}")
    ran = flybill("quote", "--prices", str(tmp_path), "--meter", "units", "--quantity", "1")
    assert ran.status == 2
    assert "unknown key" in ran.err and "usd.toml" in ran.err

"""One month billed end to end, through the command line, the real jobs, Postgres and the stand-in Stripe."""

import json
from collections import Counter
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from flybill_pipeline_tests.conftest import SHARED
from flybill_pipeline_tests.emulator_process import EmulatorProcess
from flybill_pipeline_tests.flybill_process import Flybill, Ran, deployment, event

CASES = SHARED / "cases" / "pricing.json"
WRITES = ("create", "create_customer", "add_lines", "finalize", "update", "delete", "void", "pay")


# --- Every pricing case that other billing systems publish, one organization each -----------------------------------


def cases() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(CASES.read_text()) if CASES.exists() else []
    return found


def book_of(found: list[dict[str, Any]]) -> str:
    """One price book: each case a contract of its own, all on one meter, so that a wrong contract would show."""
    head = 'effective_from = 2026-01-01\ncurrency = "usd"\n[meters.units]\naggregation = "sum"\nunit = "unit"\n'
    return head + "".join(f"[[contracts.{case['id']}.prices]]\nmeter = 'units'\n{_price(case['price'])}" for case in found)


def _price(price: dict[str, Any]) -> str:
    """A case's price as TOML; its numbers are digits already."""
    lines = []
    for name, value in price.items():
        if name == "tiers":
            tiers = ("{ " + ", ".join(f"{k} = {v}" for k, v in tier.items()) + " }" for tier in value)
            value = f"[ {', '.join(tiers)} ]"
        elif name == "model":
            value = f"'{value}'"
        lines.append(f"{name} = {value}\n")
    return "".join(lines)


@pytest.fixture(scope="module")
def priced(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[Flybill]:
    """The month 2026-10 with an organization for each case, closed."""
    with (
        EmulatorProcess() as emulator,
        deployment(tmp_path_factory.mktemp("cases"), postgres_url, emulator) as flybill,
    ):
        flybill.prices("usd.toml", book_of(cases()))
        flybill.import_orgs([{"org_id": c["id"], "name": c["id"], "currency": "usd", "contract": c["id"]} for c in cases()])
        # Each quantity comes in two events on two days, so that a tier sees the month's sum or the amount is wrong.
        halves = [
            event(f"{c['id']}-{n}", c["id"], str(part), f"2026-10-{10 + n}T00:00:00Z", "units")
            for c in cases()
            for n, part in enumerate((Decimal(c["quantity"]) / 2, Decimal(c["quantity"]) - Decimal(c["quantity"]) / 2))
        ]
        flybill.land("cases.jsonl", halves)
        closed = flybill("close", "2026-10", "--json")
        assert closed.status == 0, closed
        yield flybill


@pytest.mark.skipif(not CASES.exists(), reason="the collected pricing cases are not here")
@pytest.mark.parametrize("case", cases(), ids=lambda case: str(case["id"]))
def test_a_pricing_case_is_billed_as_its_source_says(case: dict[str, Any], priced: Flybill) -> None:
    expected = Decimal(case["expected_amount"])
    owed = priced("owes", case["id"], "--month", "2026-10", "--json").json()
    assert owed["total_minor"] == int((expected * 100).to_integral_value(ROUND_HALF_UP))
    (line,) = owed["lines"]
    assert line["amount_minor"] == owed["total_minor"]
    assert sum(Decimal(step["amount"]) for step in line["working"]) == expected
    assert Decimal(line["quantity"]) == Decimal(case["quantity"])

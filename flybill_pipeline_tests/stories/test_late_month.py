"""Usage that lands after its month was closed, end to end: command line, jobs, lake, Postgres, the stand-in Stripe."""

from collections.abc import Iterator
from typing import Any

import pytest

from flybill_pipeline_tests.stories.troubled_months import USD
from flybill_pipeline_tests.worlds.deployment import Deployments, Flybill, event
from flybill_pipeline_tests.worlds.emulator import Emulators

FIRST, SECOND = "2025-09", "2025-10"


@pytest.fixture(scope="module")
def closed(deploy: Deployments, emulators: Emulators) -> Iterator[Flybill]:
    """Two months, the second one closed after usage of the first one came late."""
    with emulators.lent() as emulator, deploy(emulator, shards=1) as flybill:
        flybill.prices("usd.toml", USD)
        flybill.import_orgs([{"org_id": org, "name": org, "currency": "usd"} for org in ("acme", "bolt")])
        on_time = [
            event(1, "acme", 100, f"{FIRST}-05T00:00:00Z", region="syd"),
            event(2, "bolt", 200, f"{FIRST}-05T00:00:00Z"),
        ]
        flybill.land("first.jsonl", on_time)
        assert flybill("close", FIRST).status == 0
        late = [
            event(3, "acme", 60, f"{FIRST}-30T23:59:59Z", region="syd"),
            event(4, "acme", 100, f"{SECOND}-01T00:00:00Z"),
        ]
        flybill.land("late.jsonl", late)
        assert flybill("close", SECOND).status == 0
        assert emulator.report()["violations"] == []
        yield flybill


def owed(flybill: Flybill, org: str, month: str) -> dict[str, Any]:
    answer: dict[str, Any] = flybill("owes", org, "--month", month, "--json").json()
    return answer


def test_the_next_invoice_has_a_line_that_names_the_month_it_adjusts(closed: Flybill) -> None:
    lines = {line["service_month"]: line for line in owed(closed, "acme", SECOND)["lines"]}
    late = lines[FIRST]
    assert (late["kind"], late["quantity"], late["amount_minor"]) == ("adjustment", "60", 90)
    assert FIRST in late["description"]
    assert lines[SECOND]["amount_minor"] == 100
    assert owed(closed, "acme", FIRST)["total_minor"] == 200
    assert owed(closed, "bolt", SECOND)["lines"] == []


def test_the_account_of_the_first_month_is_exact_after_late_usage(closed: Flybill) -> None:
    assert closed("close", FIRST).status == 0
    assert closed.checks()["stripe_reconciliation", "nothing_lost"] == {FIRST: True, SECOND: True}
    assert closed("status", SECOND, "--json").json()["too_late"] == 0

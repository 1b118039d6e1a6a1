"""What is due once a month does not grow with it: a minimum, a flat fee, what has come to its maximum."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flybill_pipeline.billing.alerts.budgets import Spending, Warned
from flybill_pipeline.billing.invoicing.forecast import Forecast
from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.invoicing.terms import EVER
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.questions.owed import Owed, owed
from flybill_pipeline.steps.alerts import watch_budgets
from flybill_pipeline.stores.invoicing.items_file import item_of
from flybill_pipeline.stores.invoicing.org_terms import TermsRow
from flybill_pipeline.toolbox import closing
from flybill_pipeline.toolbox.tools import Toolbox
from flybill_pipeline_tests.worlds.deployment import event
from flybill_pipeline_tests.worlds.organizations import org_row
from flybill_pipeline_tests.worlds.site import Site

MONTH = Month(2025, 11)
PLACE = Path("items.csv")
NOON = datetime(2025, 11, 11, 12, tzinfo=UTC)
UNIT = 'model = "per_unit"\nunit_amount = 0.01\n'
PRICES = {
    "flat": 'model = "flat"\nflat_amount = 29\n',
    "tier": 'model = "graduated"\ntiers = [ { unit_amount = 0.01, flat_amount = 29 } ]\n',
    "volume": 'model = "volume"\ntiers = [ { unit_amount = 0.01, flat_amount = 29 } ]\n',
    "least": f"{UNIT}minimum_spend = 500\n",
    "little": f"{UNIT}minimum_spend = 25\n",
    "most": f"{UNIT}maximum_spend = 5\n",
    "shown": f'{UNIT}minimum_spend = 500\nshow_by = ["region"]\n',
}


def exactly(minor: int, days: int = 10) -> Forecast:
    return Forecast(minor, minor, minor, days)


def told(tools: Toolbox, home: Path, price: str, org_id: str = "acme") -> Owed:
    """Acme used $1.00 on each of ten days in both months, `none` nothing in November; read at noon on the 11th."""
    book = (home / "prices" / "usd.toml").read_text()
    contract = f'\n[[contracts.own.prices]]\nmeter = "seconds"\n{PRICES[price]}'
    (home / "prices" / "usd.toml").write_text(book + contract)
    site = Site(replace(tools, now=lambda: NOON), MONTH, NOON)
    for each in ("acme", "none"):
        row = org_row(each)
        site.tools.organizations.save([replace(row, terms=TermsRow("usd", contract="own"))], EVER)
    rows = [event(f"n{day}", "acme", 100, f"2025-11-{day:02d}T06:00:00Z", region="fra") for day in range(1, 11)]
    rows += [
        event(f"{org}{day}", org, 100, f"2025-10-{day:02d}T06:00:00Z") for org in ("acme", "none") for day in (1, 2)
    ]
    file = site.tools.landing.root / "usage" / "all.jsonl"
    file.parent.mkdir(exist_ok=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    site.bring_in()
    return owed(site.tools, org_id, MONTH)


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        ("flat", exactly(29_00)),
        ("tier", exactly(59_00)),
        ("volume", exactly(59_00)),
        ("least", exactly(500_00)),
        ("little", exactly(30_00)),
        ("most", exactly(5_00, 0)),
        ("shown", exactly(500_00)),
    ],
)
def test_what_is_due_once_is_forecast_once(tools: Toolbox, home: Path, price: str, expected: Forecast) -> None:
    """Ten days of $1.00, and twenty like them."""
    found = told(tools, home, price).statement.forecast
    assert found is not None
    assert (found.minor, found.low_minor, found.high_minor) == (expected.minor, expected.low_minor, expected.high_minor)


@pytest.mark.parametrize("price", ["least", "little"])
def test_who_used_nothing_is_not_expected_to_come_to_more_than_the_minimum(
    tools: Toolbox, home: Path, price: str
) -> None:
    answer = told(tools, home, price, "none")
    assert answer.statement.forecast is not None
    assert answer.statement.forecast.minor == answer.facts.total_minor > 0
    assert answer.changed is not None  # the minimum is in the days of both months
    assert (answer.changed.now_minor, answer.changed.changes) == (answer.facts.total_minor, [])


@pytest.mark.parametrize("price", sorted(PRICES))
@pytest.mark.parametrize("scope", [{}, {"region": "fra"}])
def test_the_warning_expects_what_the_page_does(tools: Toolbox, home: Path, price: str, scope: dict[str, str]) -> None:
    """From the draft as it is at rest."""
    row = {"item_id": "b", "name": "b", "kind": "budget", "org_id": "acme", "start": "2025-11", "currency": "usd"}
    of_scope = {"scope": "region=fra"} if scope else {}
    told(tools, home, price)
    tools.items.save(PLACE, [item_of(2, {**row, "amount": "0.01", **of_scope}, None)])
    now, part = replace(tools, now=lambda: NOON), ShardMonth(MONTH, 0, NOON)
    (state,) = owed(now, "acme", MONTH).budgets
    seen: list[int | None] = []

    def noted(spending: Spending) -> list[Warned]:
        seen.append(spending.forecast_minor)
        return []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watch_budgets, "marks_passed", lambda _, __, spending: noted(spending))
        closing.price(now, part)
    assert seen == [state.forecast_minor]
    assert bool(state.forecast_minor) == (not scope or price == "shown")  # of a line that nothing shows none has a part

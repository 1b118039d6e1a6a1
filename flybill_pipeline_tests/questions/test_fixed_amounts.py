"""What is due once a month does not grow with it: a minimum, a flat fee, what has come to its maximum."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flybill_pipeline.billing.alerts.budgets import Budget, Spending, Warned
from flybill_pipeline.billing.invoicing.forecast import Forecast
from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.invoicing.terms import EVER
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.questions.owed import owed
from flybill_pipeline.steps.alerts import watch_budgets
from flybill_pipeline.stores.invoicing.items_file import item_of
from flybill_pipeline.stores.invoicing.org_terms import TermsRow
from flybill_pipeline.toolbox import closing
from flybill_pipeline.toolbox.tools import Toolbox
from flybill_pipeline_tests.questions.conftest import made_home, toolbox_at
from flybill_pipeline_tests.worlds.databases import Databases
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


@pytest.fixture(scope="module")
def tools(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toolbox]:
    """Each price has an organization that used $1.00 on ten days of November, and one that used nothing in it; both
    used $1.00 on two days of October. It is noon on the 11th.
    """
    home = made_home(tmp_path_factory.mktemp("home"))
    book = home / "prices" / "usd.toml"
    contracts = [f'\n[[contracts.{name}.prices]]\nmeter = "seconds"\n{price}' for name, price in PRICES.items()]
    book.write_text(book.read_text() + "".join(contracts))
    with databases.lent() as engine, toolbox_at(engine, home) as made:
        site = Site(replace(made, now=lambda: NOON), MONTH, NOON)
        rows = []
        for name in PRICES:
            for each in (name, idle(name)):
                row = replace(org_row(each), terms=TermsRow("usd", contract=name))
                site.tools.organizations.save([row], EVER)
                rows += [event(f"{each}o{day}", each, 100, f"2025-10-{day:02d}T06:00:00Z") for day in (1, 2)]
            rows += [
                event(f"{name}n{day}", name, 100, f"2025-11-{day:02d}T06:00:00Z", region="fra") for day in range(1, 11)
            ]
        file = site.tools.landing.root / "usage" / "all.jsonl"
        file.parent.mkdir(exist_ok=True)
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        site.bring_in()
        yield site.tools


def idle(price: str) -> str:
    """Who has the price and used nothing in November."""
    return f"{price}-none"


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
def test_what_is_due_once_is_forecast_once(tools: Toolbox, price: str, expected: Forecast) -> None:
    """Ten days of $1.00, and twenty like them."""
    found = owed(tools, price, MONTH).statement.forecast
    assert found is not None
    assert (found.minor, found.low_minor, found.high_minor) == (expected.minor, expected.low_minor, expected.high_minor)


@pytest.mark.parametrize("price", ["least", "little"])
def test_who_used_nothing_is_not_expected_to_come_to_more_than_the_minimum(tools: Toolbox, price: str) -> None:
    answer = owed(tools, idle(price), MONTH)
    assert answer.statement.forecast is not None
    assert answer.statement.forecast.minor == answer.facts.total_minor > 0
    assert answer.changed is not None  # the minimum is in the days of both months
    assert (answer.changed.now_minor, answer.changed.changes) == (answer.facts.total_minor, [])


def test_the_warning_expects_what_the_page_does(tools: Toolbox) -> None:
    """From the draft as it is at rest."""
    row = {"kind": "budget", "start": "2025-11", "currency": "usd", "amount": "0.01"}
    scopes = {"whole": {}, "fra": {"scope": "region=fra"}}
    budgets = [
        {**row, **scope, "item_id": f"{price}.{name}", "name": name, "org_id": price}
        for price in PRICES
        for name, scope in scopes.items()
    ]
    tools.items.save(PLACE, [item_of(line, budget, None) for line, budget in enumerate(budgets, 2)])
    seen: dict[str, int | None] = {}

    def noted(budget: Budget, _: Month, spending: Spending) -> list[Warned]:
        seen[budget.budget_id] = spending.forecast_minor
        return []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watch_budgets, "marks_passed", noted)
        closing.price(tools, ShardMonth(MONTH, 0, NOON))
    shown = {
        state.budget.budget_id: state.forecast_minor for price in PRICES for state in owed(tools, price, MONTH).budgets
    }
    assert seen == shown
    told = {budget_id for budget_id, minor in seen.items() if minor}
    assert told == {f"{price}.whole" for price in PRICES} | {
        "shown.fra"
    }  # of a line that nothing shows none has a part

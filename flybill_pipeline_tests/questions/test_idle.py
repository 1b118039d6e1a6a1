"""What is said of a running month to who used nothing of late: usage is known as far as sources tell of everybody."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from flybill_pipeline.billing.invoicing.forecast import Forecast
from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.invoicing.terms import EVER
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.words.english import ENGLISH
from flybill_pipeline.billing.words.sentence import say
from flybill_pipeline.questions.owed import Owed, owed
from flybill_pipeline.steps.alerts.watch_budgets import LookedAt, Seen
from flybill_pipeline.steps.pricing.price_org import Usage
from flybill_pipeline.stores.alerts.budget_tables import budget_warnings
from flybill_pipeline.stores.invoicing.items_file import item_of
from flybill_pipeline.stores.invoicing.org_terms import TermsRow
from flybill_pipeline.stores.invoicing.organizations import OrgRow
from flybill_pipeline.toolbox import telling
from flybill_pipeline.toolbox.closing import price
from flybill_pipeline.toolbox.tools import Toolbox
from flybill_pipeline_tests.worlds.deployment import event
from flybill_pipeline_tests.worlds.organizations import org_row
from flybill_pipeline_tests.worlds.site import Site

MONTH = Month(2025, 11)
PLACE = Path("items.csv")
READ_AT = datetime(2025, 11, 16, 14, tzinfo=UTC)


@pytest.fixture
def site(tools: Toolbox) -> Iterator[Site]:
    """`burst` used $90.00 on the 6th and nothing since, `acme` $1.00 a day, `nobody` nothing; read on the 16th.

    `split` used $23.00 in syd by then, 50 cents of which are due once, and $7.50 elsewhere.
    """
    moving = [READ_AT]
    site = Site(replace(tools, now=lambda: moving[0]), MONTH, READ_AT)
    site.tools.organizations.save([org_row("burst"), org_row("nobody"), org_row("split")], EVER)
    rows = [event("b", "burst", 9000, "2025-11-06T10:00:00Z")]
    rows += [event(day, "acme", 100, f"2025-11-{day:02d}T23:00:00Z") for day in range(1, 16)]
    for day in range(1, 16):
        rows.append(event(f"s{day}", "split", 100, f"2025-11-{day:02d}T23:00:00Z", region="syd"))
        rows.append(event(f"o{day}", "split", 50, f"2025-11-{day:02d}T23:00:00Z"))
    file = tools.landing.root / "usage" / "all.jsonl"
    file.parent.mkdir(exist_ok=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    site.bring_in()
    yield site


def told(site: Site, org_id: str, now: datetime = READ_AT) -> Owed:
    return owed(replace(site.tools, now=lambda: now), org_id, Month.of(now))


def test_who_stopped_is_not_expected_to_go_on(site: Site) -> None:
    answer = told(site, "burst")
    assert answer.statement.forecast is not None
    assert (
        answer.statement.forecast.minor == 18_000
    )  # $90.00 of 15 days, in 30; of the 6 days to its last event it was $500
    assert (answer.statement.forecast.low_minor, answer.statement.forecast.days) == (9_000, 15)
    assert say(ENGLISH, *answer.freshness) == "Usage is counted up to November 16, 2025, 00:00 UTC."


def test_a_forecast_above_a_budget_is_said_beside_it_as_the_mail_says_it(site: Site) -> None:
    """Of the whole bill, and of a part of it."""
    budget = {"kind": "budget", "org_id": "split", "start": "2025-11", "currency": "usd"}
    for number, more in enumerate([{"amount": "50"}, {"amount": "40", "scope": "region=syd"}, {"amount": "62"}]):
        row = {"item_id": f"b{number}", "name": "b", **budget, **more}
        site.tools.items.save(PLACE, [item_of(2, row, None)])
    told_of = {each.budget.amount_minor: each for each in told(site, "split").budgets}
    said = {minor: say(ENGLISH, *each.words) for minor, each in told_of.items()}
    assert said[50_00].endswith(
        "If November 2025 goes on like this, it comes to about $60.50, which is above the budget of $50.00."
    )
    assert said[40_00].endswith(
        "If November 2025 goes on like this, region syd comes to about $45.50, which is above its budget of $40.00."
    )
    assert "goes on" not in said[62_00]
    assert [told_of[each].forecast_minor for each in (50_00, 40_00, 62_00)] == [60_50, 45_50, 60_50]


def test_who_goes_on_is_told_as_before(site: Site) -> None:
    answer = told(site, "acme")
    assert answer.statement.forecast is not None
    assert answer.statement.forecast.minor == 3_000


def test_who_used_nothing_learns_that_this_is_known(site: Site) -> None:
    answer = told(site, "nobody")
    assert answer.statement.forecast is not None
    assert answer.statement.forecast.minor == 0
    assert say(ENGLISH, *answer.freshness) == "Usage is counted up to November 16, 2025, 00:00 UTC."


def test_a_file_of_the_month_before_says_nothing_of_this_one(site: Site) -> None:
    """It came on the 3rd of December, which was known up to then for that: nobody would use anything all month."""
    now = datetime(2025, 12, 3, 14, tzinfo=UTC)
    late = Site(replace(site.tools, now=lambda: now), MONTH.next(), now)
    land(late, event("late", "acme", 100, "2025-11-30T23:00:00Z"))
    answer = told(late, "acme", now)
    assert (answer.statement.forecast, answer.freshness) == (None, ())


def test_a_minimum_is_due_once_and_is_no_difference_to_the_month_before(site: Site, home: Path) -> None:
    """It was $90.00 in the first days of each month, whatever was used, and forecast to be many times that."""
    with (home / "prices" / "usd.toml").open("a") as book:
        book.write("[[contracts.big.prices]]\nmeter = 'seconds'\nmodel = 'per_unit'\n")
        book.write("unit_amount = 0.01\nminimum_spend = 90\n")
    site.tools.organizations.save([OrgRow("test", {"org_id": "nobody"}, TermsRow("usd", "big"))], EVER)
    answer = told(site, "nobody")
    assert answer.facts.total_minor == 90_00
    assert answer.statement.forecast == Forecast(90_00, 90_00, 90_00, days=15)
    assert answer.changed is not None
    assert (answer.changed.now_minor, answer.changed.before_minor, answer.changed.changes) == (90_00, 90_00, [])


def test_of_a_month_of_which_nothing_is_known_nothing_is_forecast(site: Site) -> None:
    answer = told(site, "acme", datetime(2025, 12, 1, tzinfo=UTC))
    assert answer.statement.forecast is None
    assert answer.freshness == ()


def test_a_source_that_has_gone_silent_does_not_make_a_month_cheap(site: Site) -> None:
    answer = told(site, "burst", datetime(2025, 11, 28, tzinfo=UTC))
    assert answer.statement.forecast is not None
    assert answer.statement.forecast.minor == 18_000  # as on the day when it last told


def test_days_that_were_read_and_are_not_in_the_month_are_not_known(site: Site) -> None:
    file = site.tools.landing.root / "usage" / "more.jsonl"
    file.write_text(json.dumps(event("late", "burst", 100, "2025-11-10T00:00:00Z")) + "\n")
    site.read()
    answer = told(site, "burst")
    assert say(ENGLISH, *answer.freshness) == "Usage is counted up to November 10, 2025, 00:00 UTC."


def test_a_forecast_that_days_without_usage_bring_above_a_budget_is_told_at_the_refresh_that_learns_of_them(
    tools: Toolbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """$20.00 of the 2nd say too little until a file of the 4th, of somebody else, shows that the 3rd had none."""
    moving = [datetime(2025, 11, 2, 14, tzinfo=UTC)]
    site = Site(replace(tools, now=lambda: moving[0]), MONTH, moving[0])
    site.tools.organizations.save([org_row("early")], EVER)
    budget = {"item_id": "b", "name": "b", "kind": "budget", "org_id": "early", "start": "2025-11", "currency": "usd"}
    site.tools.items.save(PLACE, [item_of(2, budget | {"amount": "150"}, None)])
    asked: list[list[str]] = []

    def noted(tools: Toolbox, part: ShardMonth, usage: Usage, looked_at: Sequence[LookedAt]) -> Mapping[str, Seen]:
        asked.append([each.org_id for each in looked_at])
        return look(tools, part, usage, looked_at)

    look = telling._look
    monkeypatch.setattr(telling, "_look", noted)

    def refreshed(day: int, hour: int) -> list[str]:
        moving[0] = datetime(2025, 11, day, hour, tzinfo=UTC)
        price(site.tools, ShardMonth(MONTH, site.tools.shard_of("early"), moving[0]))
        with site.tools.engine.connect() as connection:
            return list(connection.execute(select(budget_warnings.c.kind)).scalars())

    land(site, event("e", "early", 2000, "2025-11-02T10:00:00Z"))
    assert [refreshed(2, 15), refreshed(3, 15), refreshed(4, 1)] == [[], [], []]
    asked.clear()
    moving[0] = datetime(2025, 11, 4, 14, tzinfo=UTC)
    land(site, event("a", "acme", 100, "2025-11-04T01:00:00Z"))
    assert [refreshed(4, 15), refreshed(4, 16)] == [["forecast"]] * 2
    assert asked == [["early"], []]


def land(site: Site, row: Mapping[str, Any]) -> None:
    file = site.tools.landing.root / "usage" / f"{row['id']}.jsonl"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(row) + "\n")
    site.bring_in()

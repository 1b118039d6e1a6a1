"""A running month is priced again only where something changed, and comes out as if all of it were priced."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.prices import Contract
from flybill_pipeline.steps.pricing import price_usage
from flybill_pipeline.stores.invoicing.items_file import read_items
from flybill_pipeline.stores.invoicing.org_terms import ImportRefusedError
from flybill_pipeline_tests.billing.pricing.books import book, per_unit
from flybill_pipeline_tests.worlds.billing import BillingWorld
from flybill_pipeline_tests.worlds.databases import Databases
from flybill_pipeline_tests.worlds.effort import examples

SEP, OCT = Month(2026, 9), Month(2026, 10)
NOW = OCT.start + timedelta(days=10)
HALF = Contract("half", (replace(per_unit("0.5"), contract="half"),))
BOOK = replace(book(per_unit("1")), contracts={"half": HALF})
DRAFTED = """
select org_id, draft.currency, total_minor, problems::text, usage_up_to, settled_months, line_count, content_hash,
    credit_uses::text, array_agg((line_no, line_id, quantity, amount_minor, working::text)::text order by line_no)
from flybill.drafts as draft left join flybill.line_items using (month, org_id)
where month = '2026-10' group by draft.month, org_id order by org_id
"""


class World(BillingWorld):
    """September is closed, October is running; `acme` is what happens to, `bolt` and `calm` are the others."""

    folder: Path

    def item(self, **fields: str) -> None:
        names = dict.fromkeys(("item_id", "kind", "org_id", "name", "amount", "currency", "start", "percent"), "")
        row = {**names, "org_id": "acme", "item_id": f"item-{len(list(self.folder.iterdir()))}", "name": "x", **fields}
        file = self.folder / f"{row['item_id']}.csv"
        file.write_text(",".join(row) + "\n" + ",".join(row.values()) + "\n")
        self.items.save(file, read_items(file))

    def drafted(self) -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(DRAFTED))]

    def whole(self) -> list[tuple[Any, ...]]:
        """The drafts as they are when all of them are made again, and all of their lines are written again."""
        with self.engine.begin() as connection:
            connection.execute(text("update flybill.drafts set made_of = null, lines_hash = null"))
        assert self.price(OCT, now=NOW).unchanged == 0
        return self.drafted()


def begun(engine: Engine, folder: Path) -> World:
    world = World(engine, (BOOK,))
    world.folder = folder
    for org in ("acme", "bolt", "calm"):
        world.org(org)
    world.usage.add(SEP, "acme", 5)
    world.close(SEP)
    for org in ("acme", "bolt"):
        world.usage.add(OCT, org, 10)
    world.price(OCT, now=NOW)
    return world


@pytest.fixture
def world(engine: Engine, tmp_path: Path) -> World:
    return begun(engine, tmp_path)


CHANGES: dict[str, Callable[[World], object]] = {
    "usage": lambda world: world.usage.add(OCT, "acme", 7),
    "a correction": lambda world: world.usage.add(OCT, "acme", -3, day=OCT.first_day),
    "late usage": lambda world: world.usage.add(SEP, "acme", 2),
    "a plan": lambda world: world.item(kind="subscription", amount="12", currency="usd", start="2026-10-01"),
    "a credit": lambda world: world.item(kind="credit", amount="3", currency="usd", start="2026-10-01"),
    "a discount": lambda world: world.item(kind="discount", percent="10", start="2026-10"),
    "a contract": lambda world: world.org("acme", contract="half"),
    "another currency": lambda world: world.org("acme", "eur", since=OCT),
}


@pytest.mark.parametrize("change", list(CHANGES))
def test_what_changed_is_made_again_and_nothing_else(world: World, change: str) -> None:
    before = world.drafted()
    assert world.price(OCT, now=NOW).unchanged == 3
    assert world.drafted() == before
    CHANGES[change](world)
    report = world.price(OCT, now=NOW)
    assert (report.drafts, report.unchanged) == (3, 2)
    assert world.drafted() == world.whole()
    assert report.totals == world.price(OCT, now=NOW).totals


def test_new_prices_make_all_of_the_currency_again(world: World) -> None:
    world.books = (replace(BOOK, prices=(per_unit("2"),)),)
    assert world.price(OCT, now=NOW).unchanged == 0
    assert [row[2] for row in world.drafted()] == [2500, 2000, 0]  # acme's September costs more, too


def test_an_organization_that_nobody_imported_is_not_overlooked(world: World) -> None:
    world.usage.add(OCT, "stranger", 1)
    report = world.price(OCT, now=NOW)
    assert (report.drafts, report.unchanged, [org for org, _ in report.problems]) == (4, 3, ["stranger"])
    world.usage.totals[OCT] = [total for total in world.usage.totals[OCT] if total.org_id != "stranger"]
    assert world.price(OCT, now=NOW).drafts == 3
    assert world.drafted() == world.whole()


def test_who_holds_a_level_is_made_again_as_time_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world.usage, "orgs", lambda month, shard: {"acme": False, "bolt": True})
    assert world.price(OCT, now=NOW).unchanged == 2


def test_every_draft_is_made_again_once_a_day_and_when_its_month_has_ended(world: World) -> None:
    assert world.price(OCT, now=NOW + timedelta(days=1)).unchanged == 0
    assert world.price(OCT, now=NOW + timedelta(days=1)).unchanged == 3
    world.price(OCT, now=OCT.end - timedelta(seconds=1))
    assert world.price(OCT, now=OCT.end).unchanged == 0


def test_of_few_only_the_usage_is_read_and_many_are_picked_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for most, asked in ((100, ("acme",)), (0, ())):
        monkeypatch.setattr(price_usage, "MOST_NAMED", most)
        world.usage.add(OCT, "acme", 1)
        world.usage.asked.clear()
        world.price(OCT, now=NOW)
        assert [orgs for month, orgs in world.usage.asked if month == OCT][-1] == asked
        assert world.drafted() == world.whole()


@settings(max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=st.lists(st.sampled_from(list(CHANGES)), min_size=2, max_size=5))
def test_any_story_comes_out_as_if_all_of_it_were_priced(
    story: list[str], databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with databases.lent() as engine:
        world = begun(engine, tmp_path_factory.mktemp("story"))
        for change in story:
            with suppress(ImportRefusedError):  # a plan in dollars, of who is billed in euros by then
                CHANGES[change](world)
            world.price(OCT, now=NOW)
        drafted = world.drafted()
        assert drafted == world.whole()


def test_a_name_that_leaves_something_out_is_caught(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(price_usage, "made_of", lambda *_: "the same")
    world.usage.add(OCT, "acme", Decimal(7))
    world.price(OCT, now=NOW)
    world.usage.add(OCT, "acme", Decimal(7))
    world.price(OCT, now=NOW)
    assert world.drafted() != world.whole()

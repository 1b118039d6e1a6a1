"""Subscriptions, one-off items, credits and discounts on invoices, from the file to the settled month."""

import csv
from collections.abc import Iterator
from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.exc import DatabaseError

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.prices import Contract, PriceBook
from flybill_pipeline.stores.invoicing.invoices import CreditOverdrawnError
from flybill_pipeline.stores.invoicing.items import Items
from flybill_pipeline.stores.invoicing.items_file import COLUMNS, read_items
from flybill_pipeline.stores.invoicing.org_terms import ImportRefusedError
from flybill_pipeline_tests.billing.pricing.books import book, per_unit
from flybill_pipeline_tests.worlds.billing import BillingWorld
from flybill_pipeline_tests.worlds.databases import Databases
from flybill_pipeline_tests.worlds.effort import examples

SEP, OCT, NOV, DEC = Month(2026, 9), Month(2026, 10), Month(2026, 11), Month(2026, 12)


class ItemWorld(BillingWorld):
    """Months of one organization with items; each price is 0.01 a second."""

    folder: Path

    def load(self, *rows: dict[str, str]) -> tuple[int, int]:
        file = self.folder / "items.csv"
        with file.open("w", newline="") as opened:
            writer = csv.DictWriter(opened, COLUMNS)
            writer.writeheader()
            writer.writerows({"org_id": "acme", "name": row["item_id"], **row} for row in rows)
        return self.items.save(file, read_items(file))

    def amounts(self, month: Month, org: str = "acme") -> list[tuple[str, str, int]]:
        return [line[:3] for line in self.lines(month, org)]


@pytest.fixture
def world(engine: Engine, tmp_path: Path) -> ItemWorld:
    made = ItemWorld(engine, (book(per_unit("0.01")),))
    made.folder = tmp_path
    made.org("acme")
    return made


PRO = {"item_id": "pro", "kind": "subscription", "amount": "31", "currency": "usd", "start": "2026-10-11"}
GIFT = {"item_id": "gift", "kind": "credit", "amount": "10", "currency": "usd", "start": "2026-10-01"}


def test_a_plan_in_arrears_is_prorated_changed_and_cancelled(world: ItemWorld) -> None:
    world.load(PRO)
    world.close(OCT)
    assert world.amounts(OCT) == [("subscription", "2026-10", 2100)]  # 21 of 31 days
    world.load({**PRO, "start": "2026-11-16", "seats": "2", "amount": "30"}, {**PRO, "end": "2027-01-01"})
    world.close(NOV)
    assert world.amounts(NOV) == [("subscription", "2026-11", 1550), ("subscription", "2026-11", 3000)]
    world.load({**PRO, "start": "2026-11-16", "seats": "2", "amount": "30", "end": "2026-12-01"})
    world.close(DEC)
    assert world.amounts(DEC) == []


def test_a_plan_in_advance_is_billed_before_its_month_and_what_changed_is_taken_back(world: ItemWorld) -> None:
    world.load({**PRO, "start": "2026-10-01", "timing": "advance", "amount": "30"})
    world.close(SEP)
    assert world.amounts(SEP) == [("subscription", "2026-10", 3000)]
    world.close(OCT)
    assert world.amounts(OCT) == [("subscription", "2026-11", 3000)]
    world.load({**PRO, "start": "2026-10-01", "timing": "advance", "amount": "30", "end": "2026-11-16"})
    world.close(NOV)
    assert world.amounts(NOV) == [("adjustment", "2026-11", -1500)]


@pytest.mark.parametrize("billed", [True, False])
def test_a_plan_that_is_cancelled_before_it_begins_costs_nothing(world: ItemWorld, billed: bool) -> None:
    plan = {**PRO, "start": "2026-10-01", "timing": "advance", "amount": "30"}
    world.load(plan)
    if billed:
        world.close(SEP)
    world.load({**plan, "end": plan["start"]})
    if not billed:
        world.close(SEP)
    world.close(OCT)
    amounts = [amount for month in (SEP, OCT) for _, _, amount in world.amounts(month)]
    assert amounts == ([3000, -3000] if billed else [])


@pytest.mark.parametrize("billed", [True, False])
def test_a_change_of_plan_that_is_cancelled_before_it_begins_leaves_the_plan(world: ItemWorld, billed: bool) -> None:
    plan = {**PRO, "start": "2026-09-01", "amount": "30", "timing": "advance" if billed else "arrears"}
    changed = {**plan, "start": "2026-10-01", "seats": "3"}
    world.load(plan, changed)
    world.close(SEP)
    world.load({**changed, "end": changed["start"]})
    world.close(OCT)
    world.close(NOV)
    lines = [line for month in (SEP, OCT, NOV) for line in world.amounts(month) if line[0] != "carried_forward"]
    assert sum(amount for _, _, amount in lines) == 3000 * (4 if billed else 3)


def test_an_item_that_no_invoice_can_hold_is_named_with_its_remedy(world: ItemWorld) -> None:
    world.load({**PRO, "start": "2026-10-01", "amount": "999999999999999", "seats": "999999999"})
    world.org("bolt")
    world.usage.add(OCT, "bolt", 100)
    report = world.close(OCT)
    assert (report.held, report.invoiced) == ([("acme", "too_large")], {"usd": 100})
    (failure,) = world.statements.failures(OCT)
    assert "pro" in failure.message
    assert "seats of the item" in (failure.remedy or "")


def test_a_plan_in_advance_is_billed_once_when_months_are_closed_out_of_order(world: ItemWorld) -> None:
    world.load({**PRO, "start": "2026-10-01", "timing": "advance", "amount": "30"})
    world.usage.add(NOV, "acme", 100)
    world.close(NOV)
    assert [line[1:] for line in world.amounts(NOV)] == [("2026-11", 100), ("2026-11", 3000), ("2026-12", 3000)]
    world.close(OCT)
    assert world.amounts(OCT) == [("subscription", "2026-10", 3000)]


def test_a_cancellation_that_is_dated_back_takes_back_a_settled_month(world: ItemWorld) -> None:
    world.load({**PRO, "start": "2026-10-01"})
    world.close(OCT)
    world.load({**PRO, "start": "2026-10-01", "end": "2026-10-21"})
    world.close(NOV)
    assert world.amounts(NOV) == [("adjustment", "2026-10", -1100)]


def test_what_was_billed_in_advance_counts_for_a_commitment(world: ItemWorld) -> None:
    plain = world.books[0]
    contract = {"big": Contract("big", (), minimum_spend=Decimal(100))}
    world.books = (PriceBook("usd", plain.effective_from, plain.meters, plain.prices, contract),)
    world.load({**PRO, "start": "2026-10-01", "timing": "advance", "amount": "60"})
    world.close(SEP)
    world.org("acme", contract="big", since=OCT)
    world.usage.add(OCT, "acme", 1000)
    world.close(OCT)
    assert ("true_up", "2026-10", 3000) in world.amounts(OCT)
    world.close(NOV)
    assert not [line for line in world.amounts(NOV) if line[1] == "2026-10"]


@pytest.mark.parametrize("used", [1000, 20_000])
@pytest.mark.parametrize("billed_with", [OCT, NOV])
def test_what_a_one_off_item_gives_is_not_taken_back_by_a_minimum(
    world: ItemWorld, used: int, billed_with: Month
) -> None:
    plain = world.books[0]
    contract = {"big": Contract("big", (), minimum_spend=Decimal(100))}
    world.books = (PriceBook("usd", plain.effective_from, plain.meters, plain.prices, contract),)
    world.org("acme", contract="big", since=OCT)
    world.usage.add(OCT, "acme", used)
    sorry = {"item_id": "sorry", "kind": "one_off", "amount": "-30", "currency": "usd", "month": "2026-10"}
    for month in (OCT, NOV):
        if month == billed_with:
            world.load(sorry)
        world.close(month)
    of_october = [line[2] for month in (OCT, NOV) for line in world.amounts(month) if line[1] == "2026-10"]
    assert sum(of_october) == max(10_000, used) - 3000
    assert world.load({**sorry, "item_id": "setup", "amount": "30"}) == (1, 0)
    world.close(DEC)
    more = sum(line[2] for line in world.amounts(DEC) if line[1] == "2026-10")
    assert more == (0 if used == 1000 else 3000)  # what is bought counts, as a plan does


def test_one_off_items_discounts_and_credits_come_in_their_order(world: ItemWorld) -> None:
    world.load(
        {"item_id": "setup", "kind": "one_off", "amount": "50", "currency": "usd", "month": "2026-10"},
        {"item_id": "half", "kind": "discount", "percent": "50", "meters": "seconds", "end": "2026-11"},
        GIFT,
        {**GIFT, "item_id": "old", "amount": "5", "start": "2026-09-01", "end": "2026-10-15"},
    )
    world.usage.add(OCT, "acme", 2000)
    world.usage.add(NOV, "acme", 300)
    world.close(OCT)
    assert world.amounts(OCT) == [
        ("usage", "2026-10", 2000),
        ("one_off", "2026-10", 5000),
        ("discount", "2026-10", -1000),
        ("credit", "2026-10", -500),
        ("credit", "2026-10", -1000),
    ]
    world.close(NOV)
    assert world.amounts(NOV) == [("usage", "2026-11", 300)]


def test_a_credit_is_used_when_the_month_is_settled_and_never_below_zero(world: ItemWorld) -> None:
    world.load(GIFT)
    world.usage.add(OCT, "acme", 600)
    world.usage.add(NOV, "acme", 600)
    world.price(OCT)
    world.price(OCT)
    world.price(NOV)  # both drafts want the same credit
    world.finalize(OCT)
    world.finalize(NOV)  # left alone: October was settled since
    world.close(NOV)
    assert world.amounts(NOV) == [("usage", "2026-11", 600), ("credit", "2026-11", -400)]
    with world.engine.connect() as connection:
        uses = connection.execute(text("select month, amount_minor from flybill.credit_uses order by month"))
        assert [tuple(row) for row in uses] == [("2026-10", 600), ("2026-11", 400)]
    with pytest.raises(DatabaseError, match="insert-only"), world.engine.begin() as connection:
        connection.execute(text("update flybill.credit_uses set amount_minor = 1"))


def test_a_draft_that_takes_more_than_a_credit_holds_is_refused(world: ItemWorld) -> None:
    world.load(GIFT)
    world.usage.add(OCT, "acme", 600)
    world.price(OCT)
    world.load({**GIFT, "amount": "5"})
    with pytest.raises(CreditOverdrawnError, match="gift"):
        world.finalize(OCT)
    world.close(OCT)
    assert world.amounts(OCT)[-1] == ("credit", "2026-10", -500)


@pytest.mark.parametrize("lookback", [0, 1])
def test_an_item_of_a_month_that_is_held_is_billed_with_it_however_far_others_look_back(
    engine: Engine, tmp_path: Path, lookback: int
) -> None:
    world = ItemWorld(engine, (book(per_unit("0.01")),), lookback_months=lookback)
    world.folder = tmp_path
    world.org("acme")
    world.usage.add(SEP, "acme", 5, meter="of no book")
    assert world.close(SEP).outcomes == {"held": 1}
    for month in (OCT, NOV):
        world.close(month)
    setup = {"item_id": "setup", "kind": "one_off", "amount": "50", "currency": "usd", "month": "2026-09"}
    world.load(setup)
    world.load({**PRO, "item_id": "once", "start": "2026-09-01", "end": "2026-10-01"})
    for start, lost in {"2026-09-01": "2026-10", "2026-10-01": "2026-10"}.items():
        with pytest.raises(ImportRefusedError, match=f"no invoice of acme bills {lost} any more"):
            world.load({**PRO, "start": start})
    world.usage.totals[SEP].clear()
    world.close(SEP)
    assert world.amounts(SEP) == [("subscription", "2026-09", 3100), ("one_off", "2026-09", 5000)]
    with pytest.raises(ImportRefusedError, match=r"bills 2026-09 any more.* give 2026-1"):
        world.load({**setup, "item_id": "later"})


def test_an_ended_discount_names_the_billed_months_that_keep_it(world: ItemWorld) -> None:
    half = {"item_id": "half", "kind": "discount", "percent": "50", "start": "2026-09"}

    def told(**ended: str) -> dict[str, list[Month]]:
        file = world.folder / "ended.csv"
        with file.open("w", newline="") as opened:
            writer = csv.DictWriter(opened, COLUMNS)
            writer.writeheader()
            writer.writerow({"org_id": "acme", "name": "half", **half, **ended})
        return world.items.kept_discounts(read_items(file))

    assert told(end="2026-10") == {}  # nobody had it yet
    world.load(half)
    for month in (SEP, OCT):
        world.usage.add(month, "acme", 1000)
        world.close(month)
    assert told(end="2026-10") == {"half": [OCT]}
    assert told(end="2026-11") == told() == {}
    world.load({**half, "end": "2026-10"})
    assert told(end="2026-10") == {}
    world.close(NOV)
    assert [line[2] for line in world.amounts(OCT)] == [1000, -500]
    assert world.amounts(NOV) == []


def test_a_plan_that_ends_too_far_back_names_the_months_that_stay_as_they_were_billed(world: ItemWorld) -> None:
    world.items, world.lookback_months = Items(world.engine, 1), 1
    world.load({**PRO, "start": "2026-08-01"})
    for month in (Month(2026, 8), SEP, OCT):
        world.close(month)

    def told(**ended: str) -> dict[str, list[Month]]:
        file = world.folder / "ended.csv"
        with file.open("w", newline="") as opened:
            writer = csv.DictWriter(opened, COLUMNS)
            writer.writeheader()
            writer.writerow({"org_id": "acme", "name": "pro", **PRO, "start": "2026-08-01", **ended})
        return world.items.kept_plans(read_items(file))

    assert told(end="2026-08-15") == {PRO["item_id"]: [Month(2026, 8), SEP]}
    assert told(end="2026-10-01") == told() == {}


def test_a_plan_loses_no_month_between_two_that_are_billed(world: ItemWorld) -> None:
    """September was never closed; with no look-back October is billed for good."""
    world.items, world.lookback_months = Items(world.engine, 0), 0
    for month in (Month(2026, 8), OCT):
        world.close(month)
    with pytest.raises(ImportRefusedError, match=r"bills 2026-10 any more.* start it on 2026-11-01"):
        world.load({**PRO, "start": "2026-09-01"})


def test_an_item_is_known_by_its_id(world: ItemWorld) -> None:
    setup = {"item_id": "setup", "kind": "one_off", "amount": "50", "currency": "usd", "month": "2026-10"}
    half = {"item_id": "half", "kind": "discount", "percent": "50"}
    assert world.load(setup, GIFT, PRO, half) == (4, 0)
    assert world.load({**setup, "amount": "50.00"}, {**GIFT, "start": "2026-10-01T00:00:00Z"}, PRO, half) == (0, 0)
    assert world.load({**setup, "amount": "49"}) == (0, 1)
    world.close(OCT)
    billed = [{**setup, "amount": "48"}, {**GIFT, "amount": "11"}, {**PRO, "seats": "2"}, {**half, "percent": "51"}]
    with pytest.raises(ImportRefusedError) as refusal:
        world.load(*billed, {**PRO, "item_id": "new"})
    assert len(refusal.value.faults) == 4
    assert all("was billed in 2026-10" in fault and "items.csv: row" in fault for fault in refusal.value.faults)
    assert world.load({**PRO, "item_id": "new"}, {**half, "end": "2026-12"}, {**PRO, "end": "2026-12-01"}) == (1, 2)


FAULTS = {
    "kind 'gift' is not known": {"item_id": "a", "kind": "gift"},
    "amount is empty": {**GIFT, "amount": ""},
    "has no seats": {**GIFT, "seats": "2"},
    "'ten' is not a number": {**GIFT, "amount": "ten"},
    "more decimals": {**GIFT, "amount": "1.001"},
    "must not be negative": {**GIFT, "amount": "-1"},
    "not a currency": {**GIFT, "currency": "xxx"},
    "is not a whole number": {**PRO, "seats": "1.5"},
    "use advance or arrears": {**PRO, "timing": "now"},
    "has no time zone": {**PRO, "start": "2026-10-01T00:00:00"},
    "is not a time": {**PRO, "start": "soon"},
    "to cancel it before it begins, give 2026-10-11T00:00:00.00:00 as end": {**PRO, "end": "2026-10-01"},
    "end 2026-10-01T00:00:00.00:00 is not after start": {**GIFT, "end": "2026-10-01"},
    "from 0 .pays first. to 100": {**GIFT, "priority": "101"},
    "has no priority": {**PRO, "priority": "1"},
    "is not a month": {"item_id": "a", "kind": "discount", "percent": "1", "start": "2026-10-01"},
    "either percent or amount": {"item_id": "a", "kind": "discount"},
    "from 0 to 100": {"item_id": "a", "kind": "discount", "percent": "101"},
    "is not known: import it": {**GIFT, "org_id": "nobody"},
    "is billed in usd, not in eur": {**GIFT, "currency": "eur"},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_names_file_row_and_remedy_and_stores_nothing(fault: str, world: ItemWorld) -> None:
    with pytest.raises(ImportRefusedError, match=f"items.csv: row 3: .*{fault}"):
        world.load({**GIFT, "item_id": "good"}, FAULTS[fault])
    assert world.items.of(0) == {}


def test_an_id_belongs_to_one_item_of_one_organization(world: ItemWorld) -> None:
    world.org("bolt")
    world.load(GIFT)
    with pytest.raises(ImportRefusedError, match="'gift' is a credit of acme already"):
        world.load({**GIFT, "org_id": "bolt"})
    with pytest.raises(ImportRefusedError, match="stands in row 2 too"):
        world.load(PRO, PRO)


def test_json_says_the_same_as_csv(world: ItemWorld, tmp_path: Path) -> None:
    world.load(GIFT, {"item_id": "half", "kind": "discount", "percent": "12.50", "meters": "b a"})
    file = tmp_path / "items.json"
    file.write_text(
        '[{"item_id": "gift", "kind": "credit", "org_id": "acme", "name": "gift", "amount": 10.0, "currency": "usd",'
        ' "start": "2026-10-01", "end": null},'
        ' {"item_id": "half", "kind": "discount", "org_id": "acme", "name": "half", "percent": 12.5,'
        ' "meters": ["a", "b"]}]'
    )
    assert world.items.save(file, read_items(file)) == (0, 0)
    file.write_text('{"item_id": 1}')
    with pytest.raises(ImportRefusedError, match="must be a JSON list"):
        read_items(file)


@pytest.fixture(scope="module")
def shared_engine(databases: Databases) -> Iterator[Engine]:
    with databases.lent() as engine:
        yield engine


NUMBER = count()
YEAR = [Month(2026, number) for number in range(1, 13)]
MONTHLY = st.lists(st.integers(-80, 200), min_size=12, max_size=12)


@settings(max_examples=examples(10), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(usage=MONTHLY, granted=st.lists(st.integers(0, 300), max_size=3))
def test_over_a_year_no_cent_is_lost_and_no_credit_is_overdrawn_or_becomes_money(
    shared_engine: Engine, tmp_path_factory: pytest.TempPathFactory, usage: list[int], granted: list[int]
) -> None:
    world = ItemWorld(shared_engine, (book(per_unit("0.01")),))
    world.folder = tmp_path_factory.mktemp("year")
    org = world.org(f"org-{next(NUMBER)}")
    credits_of = [
        {**GIFT, "org_id": org, "item_id": f"{org}-{n}", "amount": f"{minor / 100:.2f}", "start": f"2026-0{n + 1}-01"}
        for n, minor in enumerate(granted)
    ]
    if credits_of:
        world.load(*credits_of)
    for month, quantity in zip(YEAR, usage, strict=True):
        world.usage.add(month, org, quantity)
        world.close(month, [org])
    with shared_engine.connect() as connection:

        def total(query: str) -> int:
            return int(connection.execute(text(query), {"o": org}).scalar_one())

        invoiced = total("select coalesce(sum(subtotal_minor), 0) from flybill.invoices where org_id = :o")
        carried = total("select coalesce(sum(amount_minor), 0) from flybill.account_entries where org_id = :o")
        used = total("select coalesce(sum(amount_minor), 0) from flybill.credit_uses where org_id = :o")
    assert invoiced + carried + used == sum(usage)
    assert 0 <= used <= sum(granted)
    assert invoiced + carried >= 0 or not used
    left = world.items.of(0, [org])[org].credits if credits_of else ()
    assert sum(credit.left_minor for credit in left) == sum(granted) - used
    assert all(credit.left_minor >= 0 for credit in left)

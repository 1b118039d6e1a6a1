"""A month is priced by the terms of its own days: contracts and currencies that begin, end, and are stated late."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from flybill_pipeline.billing.invoicing.terms import EVER, Term, holds_at, in_order, stated
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.prices import Contract, PriceBook
from flybill_pipeline.stores.invoicing.org_terms import ImportRefusedError
from flybill_pipeline.stores.invoicing.organizations_file import read_organizations
from flybill_pipeline_tests.billing.pricing.books import book, per_unit
from flybill_pipeline_tests.worlds.billing import BillingWorld

AUG, SEP, OCT = Month(2026, 8), Month(2026, 9), Month(2026, 10)
HEADER = "org_id,name,currency,contract,contract_from,contract_until,currency_from\n"


def with_contracts(currency: str = "usd") -> PriceBook:
    """A second costs 1; in `half` it costs 0.5, in `big` there is a minimum of 300 a month."""
    plain = book(per_unit("1"), currency=currency)
    half = Contract("half", (replace(per_unit("0.5"), contract="half"),))
    return replace(plain, contracts={"half": half, "big": Contract("big", (), minimum_spend=Decimal(300))})


class TermsWorld(BillingWorld):
    """Months of organizations whose terms are imported from files, on a day of ours."""

    folder: Path

    def load(self, *rows: str, on: datetime = OCT.end) -> tuple[int, int]:
        file = self.folder / "orgs.csv"
        file.write_text(HEADER + "\n".join(rows) + "\n")
        return self.organizations.save(read_organizations(file, contracts={"half", "big"}), on)

    def by_day(self, month: Month, quantities: dict[int, int], org: str = "o") -> None:
        for day, quantity in quantities.items():
            self.usage.add(month, org, quantity, day=date(month.year, month.number, day))

    def total(self, month: Month, org: str = "o") -> int:
        return sum(amount for kind, _, amount, _ in self.lines(month, org) if kind != "carried_forward")


@pytest.fixture
def world(engine: Engine, tmp_path: Path) -> TermsWorld:
    made = TermsWorld(engine, (with_contracts(),))
    made.folder = tmp_path
    return made


def test_a_contract_that_is_signed_after_a_month_changes_nothing_of_it(world: TermsWorld) -> None:
    world.load("o,o,usd,,,,")
    world.by_day(AUG, {5: 100})
    world.load("o,o,usd,big,2026-09-01,,", on=SEP.start + timedelta(days=1))
    world.close(AUG)
    assert world.total(AUG) == 10000
    world.close(SEP)
    assert world.total(SEP) == 30000


def test_a_minimum_is_never_due_before_its_contract(world: TermsWorld) -> None:
    world.load("old,old,usd,,,,")
    world.close(AUG)
    world.load("new,new,usd,big,2026-11-01,,")
    world.close(AUG)
    assert world.total(AUG, "new") == 0


@pytest.mark.parametrize(
    ("start", "end", "minimum"),
    [("2026-09-01", "", 30000), ("2026-09-20", "", 11000), ("2026-08-01", "2026-09-11", 10000), ("2026-10-01", "", 0)],
)
def test_a_minimum_is_due_for_the_share_of_the_month_in_which_its_contract_held(
    world: TermsWorld, start: str, end: str, minimum: int
) -> None:
    world.load(f"o,o,usd,big,{start},{end},")
    world.close(SEP)
    assert world.total(SEP) == minimum


def test_each_day_is_priced_by_the_contract_of_that_day(world: TermsWorld) -> None:
    world.load("o,o,usd,half,2026-09-11,2026-09-21,")
    world.by_day(SEP, {10: 100, 11: 100, 20: 100, 21: 100})
    world.close(SEP)
    assert world.total(SEP) == 10000 + 5000 + 5000 + 10000


def test_a_contract_that_begins_within_a_day_holds_from_the_next_one_on(world: TermsWorld) -> None:
    world.load("o,o,usd,half,2026-09-11T00:00:01Z,,")
    world.by_day(SEP, {11: 100, 12: 100})
    world.close(SEP)
    assert world.total(SEP) == 15000


def test_late_usage_is_priced_by_the_contract_of_its_own_days(world: TermsWorld) -> None:
    world.load("o,o,usd,half,2026-09-01,,")
    world.close(AUG)
    world.close(SEP)
    world.by_day(AUG, {31: 100})
    world.by_day(SEP, {1: 100})
    world.close(OCT)
    assert world.total(OCT) == 10000 + 5000


def test_a_contract_that_is_stated_late_bills_the_difference_within_the_look_back(world: TermsWorld) -> None:
    world.load("o,o,usd,,,,")
    world.by_day(SEP, {1: 100})
    world.close(SEP)
    world.load("o,o,usd,half,2026-09-01,,")
    world.close(OCT)
    assert world.total(OCT) == -5000


def test_billed_months_that_a_late_contract_changes_are_told_before_it_is_stored(world: TermsWorld) -> None:
    def told(row: str) -> tuple[list[Month], list[Month]]:
        """Those that the next invoice bills again, and those that stay."""
        (world.folder / "orgs.csv").write_text(f"{HEADER}{row}\n")
        rows = read_organizations(world.folder / "orgs.csv", contracts={"half", "big"})
        adjusted, kept = world.organizations.changed_contracts(rows, OCT.end, lookback)
        return adjusted.get("o", []), kept.get("o", [])

    jul, lookback = AUG.previous(), 1
    assert told("o,o,usd,half,2026-07-15,,") == ([], [])  # nobody yet
    world.load("o,o,usd,,,,")
    for month in (jul, AUG, SEP):
        world.close(month)
    assert told("o,o,usd,half,2026-07-15,,") == ([SEP], [jul, AUG])
    lookback = 3
    assert told("o,o,usd,half,2026-07-15,,") == ([jul, AUG, SEP], [])
    assert told("o,o,usd,half,2026-08-02,2026-09-01,") == ([AUG], [])
    assert told("o,o,usd,half,2026-10-01,,") == told("o,o,usd,,,,") == ([], [])
    world.load("o,o,usd,half,2026-08-02,2026-09-01,")
    assert told("o,o,usd,half,2026-08-02,2026-09-01,") == ([], [])
    assert told("o,o,usd,half,2026-08-02,2026-09-02,") == ([SEP], [])


def test_a_contract_can_be_taken_away(world: TermsWorld) -> None:
    world.load("o,o,usd,half,2026-08-01,,")
    assert world.load("o,o,usd,,,,") == (0, 0)  # an empty field leaves what is stored
    assert world.load("o,o,usd,-,2026-09-01,,") == (0, 1)
    world.by_day(AUG, {1: 100})
    world.by_day(SEP, {1: 100})
    world.close(AUG)
    world.close(SEP)
    assert [world.total(AUG), world.total(SEP)] == [5000, 10000]


def test_a_contract_that_is_taken_away_without_a_day_ends_at_the_import(world: TermsWorld) -> None:
    world.load("o,o,usd,half,2026-08-01,,")
    world.load("o,o,usd,-,,,", on=SEP.start)
    world.by_day(AUG, {31: 100})
    world.by_day(SEP, {2: 100})
    world.close(AUG)
    world.close(SEP)
    assert [world.total(AUG), world.total(SEP)] == [5000, 10000]


def test_an_end_can_be_taken_away(world: TermsWorld) -> None:
    world.load("o,o,usd,half,2026-08-01,2026-09-01,")
    world.load("o,o,usd,,,-,")
    world.by_day(SEP, {2: 100})
    world.close(SEP)
    assert world.total(SEP) == 5000


@pytest.mark.parametrize("start", ["", "2026-09-15"])
def test_a_contract_that_is_taken_away_does_not_begin_later(world: TermsWorld, start: str) -> None:
    world.load("o,o,usd,big,2026-10-01,,", on=SEP.start)
    assert world.load(f"o,o,usd,-,{start},,", on=SEP.start + timedelta(days=14)) == (0, 1)
    world.close(OCT)
    assert world.total(OCT) == 0


SINCE_AUGUST = "o,o,usd,half,2026-08-01,2026-10-01,"


@pytest.mark.parametrize(
    ("rows", "november", "october", "september"),
    [
        (["o,o,usd,,,2026-09-01,"], 10000, 10000, 10000),
        (["o,o,usd,,,2026-09-01,", "o,o,usd,,,-,"], 5000, 5000, 5000),
        (["o,o,usd,,,2026-09-01,", "o,o,usd,half,2026-08-01,-,"], 5000, 5000, 5000),
        (["o,o,usd,,,2026-09-01,", "o,o,usd,,,2026-11-01,"], 10000, 5000, 5000),
        (["o,o,usd,,,2026-11-01,"], 10000, 5000, 5000),
        (["o,o,usd,big,2026-10-01,,", "o,o,usd,,,2026-09-01,"], 30000, 30000, 10000),
    ],
)
def test_the_end_of_a_contract_is_where_it_was_stated_last(
    world: TermsWorld, rows: list[str], november: int, october: int, september: int
) -> None:
    world.load(SINCE_AUGUST)
    for row in rows:
        assert world.load(row) == (0, 1)
        assert world.load(row) == (0, 0)
    for month in (SEP, OCT, OCT.next()):
        world.by_day(month, {2: 100})
        world.close(month)
    assert [world.total(month) for month in (OCT.next(), OCT, SEP)] == [november, october, september]


def test_an_end_that_is_no_contracts_is_refused(world: TermsWorld) -> None:
    world.load("o,o,usd,half,2026-08-01,,")
    with pytest.raises(
        ImportRefusedError, match="row 2: o has no contract that begins before contract_until 2026-07-01"
    ):
        world.load("o,o,usd,,,2026-07-01,")
    with pytest.raises(ImportRefusedError, match="row 3: p has no contract that begins before"):
        world.load("o,o,usd,,,,", "p,p,usd,,,2026-09-01,")


def test_another_currency_begins_with_a_month_that_is_not_billed(world: TermsWorld) -> None:
    world.books = (with_contracts(), with_contracts("eur"))
    world.load("o,o,usd,,,,")
    world.by_day(AUG, {1: 100})
    world.by_day(SEP, {1: 100})
    world.load("o,o,eur,,,,2026-09-01")
    world.close(AUG)
    world.close(SEP)
    with world.engine.connect() as connection:
        query = "select month, currency, subtotal_minor from flybill.invoices order by month"
        invoices = [tuple(row) for row in connection.execute(text(query))]
    assert invoices == [("2026-08", "usd", 10000), ("2026-09", "eur", 10000)]
    with pytest.raises(ImportRefusedError, match=r"2026-09 of o is billed already.*2026-10-01"):
        world.load("o,o,usd,,,,2026-09-01")
    with pytest.raises(ImportRefusedError, match="row 2: o is billed in eur: say in currency_from"):
        world.load("o,o,usd,,,,")


FAULTS = {
    "contract 'big' has no beginning": "o,o,usd,big,,,",
    "contract_from has no contract": "o,o,usd,,2026-09-01,,",
    "is not after contract_from": "o,o,usd,big,2026-09-01,2026-09-01,",
    "stands in no price book": "o,o,usd,huge,2026-09-01,,",
    "is not a time": "o,o,usd,big,soon,,",
    "has no time zone": "o,o,usd,big,2026-09-01T00:00:00,,",
    "an invoice has one currency": "o,o,usd,,,,2026-09-02",
    "contract - has contract_until": "o,o,usd,-,2026-09-01,2026-10-01,",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_terms_names_row_and_remedy_and_stores_nothing(world: TermsWorld, fault: str) -> None:
    with pytest.raises(ImportRefusedError, match=f"orgs.csv: row 3: .*{fault}"):
        world.load("good,good,usd,,,,", FAULTS[fault])
    assert world.organizations.all() == []


DAYS = [EVER, *(SEP.start + timedelta(days=number) for number in range(10))]
STATEMENTS = st.lists(
    st.tuples(st.integers(0, 10), st.sampled_from(["a", "b", None]), st.integers(1, 10) | st.none()), max_size=6
)


@given(STATEMENTS, st.integers(0, 10), st.sampled_from(["a", "b", None]), st.integers(1, 10) | st.none())
def test_what_is_stated_last_holds_where_it_says_and_changes_nothing_before(
    earlier: list[tuple[int, str | None, int | None]], start: int, value: str | None, length: int | None
) -> None:
    terms: tuple[Term, ...] = ()
    for begin, each, days in earlier:
        terms = in_order([*terms, *stated(terms, each, DAYS[begin], end_of(begin, days))])
    end = end_of(start, length)
    after = in_order([*terms, *stated(terms, value, DAYS[start], end)])
    for day in DAYS:
        if day < DAYS[start]:
            assert holds_at(after, day) == holds_at(terms, day)
        elif end is not None and day < end:
            assert holds_at(after, day) == value
    assert stated(after, value, DAYS[start], end) == ()


def end_of(start: int, days: int | None) -> datetime | None:
    return None if days is None or start + days >= len(DAYS) else DAYS[start + days]

"""What credits paid goes back to them and is never money, however months are corrected: properties of bills alone.

By example, through the stores of a database: `steps/pricing/test_returned_credits.py`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st

from flybill_pipeline.billing.invoicing import bill, late_usage
from flybill_pipeline.billing.invoicing.forecast import Known, Pace, forecast_minor
from flybill_pipeline.billing.invoicing.items.credits import Credit
from flybill_pipeline.billing.invoicing.returned_credits import PaidByCredits, PaidMonth
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.going_on import GrownUsage
from flybill_pipeline.billing.pricing.line_items import LineItem, total_minor
from flybill_pipeline_tests.billing.invoicing.test_late_usage import as_billed
from flybill_pipeline_tests.billing.pricing.books import line

MONTHS = [Month(2026, number) for number in range(1, 8)]
MINIMUM = 50
AMOUNT = st.one_of(st.integers(0, 60), st.integers(0, 5_000))


@dataclass
class Ledger:
    """The months of one organization with its credits, closed one after the other; what is due is handed in."""

    credits: tuple[Credit, ...]
    settled: list[PaidMonth] = field(default_factory=list)
    billed: dict[Month, list[LineItem]] = field(default_factory=lambda: {month: [] for month in MONTHS})
    asked: int = 0
    carried: int = 0

    def close(self, month: Month, due: dict[Month, dict[str, int]]) -> bill.Bill:
        """Bills the month, and what changed of those before it; returns its bill."""
        lines: dict[Month, Sequence[LineItem]] = {}
        for service in MONTHS[: MONTHS.index(month) + 2]:
            known = due.get(service, {}).items()
            now = [of(name, amount, service) for name, amount in known if service <= month or name == PLAN]
            lines[service] = late_usage.unbilled(now, as_billed(self.billed[service]))
            self.billed[service] += lines[service]
        before = [line(self.carried, "carried", month=month)._replace(kind="carried_forward")] if self.carried else []
        own = [*lines[month], *lines.get(month.next(), ())]
        late = [each for service in lines if service < month for each in lines[service]]
        paid = PaidByCredits(self.settled, self.asked)
        given = -sum(amounts.get(GIFT, 0) for service, amounts in due.items() if service <= month)
        parts = bill.Parts(own, late, before, credits=self.credits, paid=paid, given_minor=given)
        made = bill.put_together(month, "usd", parts)
        small = made.total_minor < MINIMUM
        self._settle(month, made, carried=small and made.total_minor != 0)
        self.carried, self.asked = (made.total_minor, self.asked) if small else (0, self.asked + made.total_minor)
        return made

    def _settle(self, month: Month, made: bill.Bill, *, carried: bool) -> None:
        for entry in made.returned:
            place = next(place for place, each in enumerate(self.settled) if each.month == entry.paid_in)
            was = self.settled[place]
            back = Counter(was.returned)
            back[entry.credit_id] += entry.amount_minor
            assert 0 <= back[entry.credit_id] <= was.uses[entry.credit_id]
            self.settled[place] = PaidMonth(was.month, was.lines, was.uses, back, was.carried)
        self.settled.append(PaidMonth(month, made.lines, made.uses, {}, carried))
        self.credits = made.credits

    @property
    def used(self) -> Counter[str]:
        """What each credit has paid by now, less what went back."""
        used: Counter[str] = Counter()
        for each in self.settled:
            used.update(each.uses)
            used.subtract(each.returned)
        return used


PLAN, GIFT = "plan", "gift"
"""What is billed in the month before, and what a one-off item gives."""


def of(name: str, amount: int, month: Month) -> LineItem:
    """A line of usage, of a plan that is billed ahead, or of a one-off item, by its name."""
    made = line(amount, name, month=month)
    if name == PLAN:
        return made._replace(kind="subscription", meter=None, dimensions={"plan": name})
    return made._replace(kind="one_off", meter=None) if name == GIFT else made


@st.composite
def granted(draw: st.DrawFn) -> tuple[Credit, ...]:
    """Up to three credits, each with a time of its own, that lapse or do not."""
    made = []
    for number in range(draw(st.integers(1, 3))):
        first = draw(st.integers(1, 6))
        last = draw(st.one_of(st.none(), st.integers(first, 7)))
        ends = None if last is None else datetime(2026, last + 1, 1, tzinfo=UTC)
        starts, amount = datetime(2026, first, 1, tzinfo=UTC), draw(AMOUNT)
        made.append(Credit(f"c{number}", f"c{number}", amount, "usd", starts, ends, draw(st.integers(0, 2))))
    return tuple(made)


CHANGES = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4), st.sampled_from("xy"), AMOUNT), max_size=14)
"""Service month, how many months later it is known, meter, and what that comes to from then on."""


@given(granted(), CHANGES)
@example(
    (Credit("c0", "c0", 3000, "usd", datetime(2026, 1, 1, tzinfo=UTC)),),
    [
        (0, 0, "x", 3000),
        (0, 1, "x", 0),
        (1, 0, "x", 3000),
        (0, 2, "x", 3000),  # money pays it: the credit was used for another month meanwhile
        (0, 3, "x", 2000),
        (3, 0, "x", 1000),
        (0, 4, "x", 3000),
        (1, 3, "x", 0),  # and is free again, for what is due anew
    ],
)
@example(
    (Credit("c0", "c0", 3000, "usd", datetime(2026, 1, 1, tzinfo=UTC)),),
    [
        (0, 0, "x", 40),
        (0, 1, "x", 20),
        (0, 2, "x", 120),  # the first payment pays 20 of it again, so the new one pays 80, and the 53
        (1, 1, "x", 53),
        (0, 3, "x", 152),
    ],
)
def test_when_all_is_taken_back_nobody_has_money_of_it_and_each_credit_is_whole(
    held: tuple[Credit, ...], changes: list[tuple[int, int, str, int]]
) -> None:
    ledger, due = Ledger(held), dict[Month, dict[str, int]]()
    for place, month in enumerate(MONTHS[:-1]):
        for service, later, meter, amount in changes:
            if service + later == place:
                due.setdefault(MONTHS[service], {})[meter] = amount
        ledger.close(month, due)
    made = ledger.close(MONTHS[-1], {})
    assert ledger.asked + ledger.carried == 0
    assert {each.credit_id: each.left_minor for each in made.credits} == {
        each.credit_id: each.left_minor for each in held
    }


@given(granted(), CHANGES)
def test_what_credits_paid_is_never_money_and_no_credit_holds_more_than_was_granted(
    held: tuple[Credit, ...], changes: list[tuple[int, int, str, int]]
) -> None:
    ledger, whole = Ledger(held), {each.credit_id: each.left_minor for each in held}
    due: dict[Month, dict[str, int]] = {}
    for place, month in enumerate(MONTHS):
        for service, later, meter, amount in changes:
            if service + later == place:
                due.setdefault(MONTHS[service], {})[meter] = amount
        made = ledger.close(month, due)
        comes_to = sum(sum(amounts.values()) for amounts in due.values())
        used = ledger.used
        assert ledger.asked + ledger.carried == comes_to - used.total() >= 0
        assert used.total() == comes_to - ledger.asked - ledger.carried
        assert {each.credit_id: each.left_minor for each in made.credits} == {
            credit_id: amount - used[credit_id] for credit_id, amount in whole.items()
        }
        assert all(0 <= each.left_minor <= whole[each.credit_id] for each in made.credits)
    single = max(comes_to - sum(whole.values()), 0)  # one invoice of the final usage
    not_used = sum(each.left_minor for each in ledger.credits)
    assert single <= ledger.asked + ledger.carried <= single + not_used


EITHER_WAY = st.one_of(
    st.tuples(st.integers(0, 6), st.integers(0, 4), st.sampled_from("xy"), st.one_of(AMOUNT, AMOUNT.map(int.__neg__))),
    st.tuples(st.integers(1, 6), st.integers(-1, 3), st.just(PLAN), AMOUNT),
    st.tuples(st.integers(0, 6), st.integers(0, 3), st.just(GIFT), AMOUNT.map(int.__neg__)),
)
"""As CHANGES: usage that may be below zero, a plan that is billed ahead and may end, what one-off items give."""


@given(granted(), st.lists(EITHER_WAY, max_size=14))
@example(
    (Credit("c0", "c0", 200, "usd", datetime(2026, 4, 1, tzinfo=UTC)),),
    [
        (0, 0, "x", -300),
        (1, -1, PLAN, 400),
        (1, 0, "x", -600),
        (2, -1, PLAN, 400),
        (2, 0, "x", -400),
        (3, -1, PLAN, 400),
        (3, 0, PLAN, 0),  # cancelled
        (0, 3, "x", 100),
        (1, 2, "x", -200),
        (4, 0, "x", 50),
        (1, 3, "x", -500),  # all that was ever paid is a dollar, and $2.50 were given back
    ],
)
def test_no_more_leaves_as_money_than_came_in_and_was_given_while_a_credit_paid_anything(
    held: tuple[Credit, ...], changes: list[tuple[int, int, str, int]]
) -> None:
    ledger, whole = Ledger(held), {each.credit_id: each.left_minor for each in held}
    due: dict[Month, dict[str, int]] = {}
    for place, month in enumerate(MONTHS[:-1]):
        for service, later, name, amount in changes:
            now = due.setdefault(MONTHS[service], {})
            if service + later == place and not (name == GIFT and GIFT in now):  # given once, it stays
                now[name] = amount
        made = ledger.close(month, due)
        billed = [each for lines in ledger.billed.values() for each in lines]
        given = -total_minor(each for each in billed if each.line_id == of(GIFT, 0, each.service_month).line_id)
        used, money = ledger.used, ledger.asked + ledger.carried
        assert money == total_minor(billed) - used.total()
        assert money >= -given or not used.total()
        assert {each.credit_id: each.left_minor for each in made.credits} == {
            credit_id: amount - used[credit_id] for credit_id, amount in whole.items()
        }
        assert all(0 <= each.left_minor <= whole[each.credit_id] for each in made.credits)
    gifts = {month: {GIFT: amounts[GIFT]} for month, amounts in due.items() if GIFT in amounts}
    made = ledger.close(MONTHS[-1], gifts)
    assert ledger.asked + ledger.carried == sum(amounts[GIFT] for amounts in gifts.values())
    assert {each.credit_id: each.left_minor for each in made.credits} == whole


@given(st.lists(AMOUNT, min_size=1, max_size=3), AMOUNT, st.lists(AMOUNT, max_size=5))
def test_of_a_month_that_credits_paid_which_ended_they_go_on_paying_what_they_paid_as_far_as_it_is_due(
    amounts: list[int], first: int, later: list[int]
) -> None:
    ends = datetime(2026, 2, 1, tzinfo=UTC)
    held = tuple(
        Credit(f"c{place}", f"c{place}", amount, "usd", datetime(2026, 1, 1, tzinfo=UTC), ends)
        for place, amount in enumerate(amounts)
    )
    ledger, paid = Ledger(held), min(first, sum(amounts))
    for month, comes_to in zip(MONTHS, (first, *later), strict=False):
        ledger.close(month, {MONTHS[0]: {"x": comes_to}})
        assert ledger.used.total() == min(paid, comes_to)
        assert ledger.asked + ledger.carried == comes_to - min(paid, comes_to)
        in_turn = [ledger.used[f"c{place}"] for place in range(len(amounts))]
        assert in_turn == [
            max(min(amount, ledger.used.total() - sum(amounts[:place])), 0) for place, amount in enumerate(amounts)
        ]


def test_a_line_says_of_what_credit_and_month_it_is_and_whether_that_credit_has_ended() -> None:
    starts, ends = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    ledger = Ledger((Credit("promo", "Welcome: 2026", 900, "usd", starts, ends),))
    for month, comes_to in zip(MONTHS, (900, 0, 500), strict=False):
        made = ledger.close(month, {MONTHS[0]: {"x": comes_to}})
        if month == MONTHS[1]:
            assert made.lines[-1].description == (
                "Welcome: 2026: $9.00 that it paid in 2026-01 go back to it, and it has ended"
            )
            assert total_minor(made.lines) == 0
    assert made.lines[-1].description == "Welcome: 2026: $5.00 of 2026-01 are paid by it again"
    assert made.credits[0].left_minor == 400


def test_a_forecast_knows_what_went_back_to_a_credit_without_the_workings_of_lines() -> None:
    granted_at = datetime(2026, 1, 1, tzinfo=UTC)
    ledger = Ledger((Credit("c", "Prepaid", 3000, "usd", granted_at),))
    ledger.close(MONTHS[0], {MONTHS[0]: {"x": 3000}})
    held = ledger.credits
    made = ledger.close(MONTHS[1], {MONTHS[0]: {"x": 1000}, MONTHS[1]: {"x": 1400}})
    assert made.total_minor == 0
    bare = [each._replace(working=()) for each in made.lines]
    twice = [each._replace(amount_minor=2 * each.amount_minor) for each in bare if each.kind == "usage"]
    pace = Pace(MONTHS[1], bare, Known(None), credits=held, grown=GrownUsage(twice, twice, twice))
    assert forecast_minor(pace) == 800

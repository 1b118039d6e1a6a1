"""What becomes of a month's total, and the words for it."""

from decimal import Decimal

import pytest

from flybill_pipeline.billing.invoicing.outcomes import Bounds, HoldReason, OutcomePolicy, decide
from flybill_pipeline.billing.money.currencies import CURRENCIES

UNPRICED = HoldReason("unpriced_meter", "the book has no price for 'watts'", "add one")


@pytest.mark.parametrize(
    ("total", "outcome", "code"),
    [
        (0, "nothing_to_bill", None),
        (1, "carried_forward", "below_minimum"),
        (49, "carried_forward", "below_minimum"),
        (50, "invoiced", None),
        (-1, "carried_forward", "credit"),
    ],
)
def test_the_total_decides(total: int, outcome: str, code: str | None) -> None:
    decided = decide(total, "usd", [], Bounds(50))
    assert (decided.outcome, decided.code, decided.total_minor) == (outcome, code, total)


@pytest.mark.parametrize("currency", sorted(CURRENCIES))
def test_what_stripe_collects_at_once_in_a_currency_is_invoiced_and_no_more(currency: str) -> None:
    most = 999_999_999_999 if currency == "idr" else 99_999_999
    assert decide(most, currency, [], Bounds(50)).outcome == "invoiced"
    above = decide(most + 1, currency, [], Bounds(50))
    assert (above.outcome, above.code) == ("held", "above_stripe_maximum")
    assert "one_off" in (above.remedy or "")


@pytest.mark.parametrize("total", [-100, 0, 10, 5000])
def test_a_problem_holds_whatever_the_total(total: int) -> None:
    decided = decide(total, "usd", [UNPRICED, UNPRICED], Bounds(50))
    assert (decided.outcome, decided.code, decided.remedy) == ("held", "unpriced_meter", "add one")
    assert decided.message == "the book has no price for 'watts' (and 1 more)"


def test_small_amounts_may_be_waived() -> None:
    policy = OutcomePolicy(waive_small_amounts=True)
    assert decide(49, "usd", [], Bounds(50, policy)).outcome == "waived"
    assert decide(-49, "usd", [], Bounds(50, policy)).outcome == "carried_forward"


@pytest.mark.parametrize(
    ("total", "average", "outcome"),
    [
        (3000, 1000, "invoiced"),
        (3001, 1000, "held"),
        (3001, None, "invoiced"),
        (3001, 0, "invoiced"),
        (-5001, 1000, "held"),
    ],
)
def test_what_is_far_from_usual_waits_for_a_person(total: int, average: int | None, outcome: str) -> None:
    policy = OutcomePolicy(hold_above_multiple=Decimal(3), largest_credit_minor=5000)
    assert decide(total, "usd", [], Bounds(50, policy, average)).outcome == outcome

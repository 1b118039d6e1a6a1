"""Each property of the billing core fails on the bug that it is there for; whole, it holds."""

from collections.abc import Callable
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, Phase, settings

from flybill_pipeline.billing.pricing import models
from flybill_pipeline.billing.pricing.prices import PriceModel
from flybill_pipeline_tests.billing import bugs
from flybill_pipeline_tests.billing.invoicing import test_conservation, test_late_usage, test_returned_credits
from flybill_pipeline_tests.billing.invoicing.items import test_credits, test_discounts, test_subscriptions
from flybill_pipeline_tests.billing.money import test_money, test_proration
from flybill_pipeline_tests.billing.pricing import test_continuity, test_prices, test_rating, test_usage_lines

QUICK = settings(
    database=None,
    derandomize=True,
    max_examples=5_000,  # the first that is caught ends the search
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
    deadline=None,
)
"""As many examples as it takes, without looking for the smallest one, and without keeping it."""


def changed(model: PriceModel) -> Callable[..., Any]:
    """The property of price changes, of one model."""
    return partial(test_continuity.test_prices_that_hardly_change_bill_what_one_price_bills, model)


CAUGHT: tuple[tuple[str, Callable[..., Any]], ...] = (
    ("BOUNDARY_TWICE", test_rating.test_no_usage_is_lost_in_the_working),
    ("BOUNDARY_TWICE", test_rating.test_graduated_has_no_jump_where_a_tier_ends),
    ("GAP_BETWEEN_TIERS", test_rating.test_no_usage_is_lost_in_the_working),
    ("GAP_BETWEEN_TIERS", test_rating.test_graduated_has_no_jump_where_a_tier_ends),
    ("GRADUATED_LIKE_VOLUME", test_rating.test_graduated_never_falls_as_usage_grows),
    ("VOLUME_PAST_ITS_END", test_rating.test_volume_prices_all_at_the_one_tier_that_holds_it),
    ("CORRECTION_THAT_COSTS", test_rating.test_without_fixed_amounts_a_correction_mirrors_usage),
    ("NO_MAXIMUM", test_rating.test_limits_hold),
    (
        "LADDER_CLIMBED_ANEW",
        changed(models.GRADUATED),
    ),
    (
        "LADDER_CLIMBED_ANEW",
        changed(models.PACKAGE),
    ),
    (
        "VOLUME_OF_THE_PART",
        changed(models.VOLUME),
    ),
    (
        "FLAT_FOR_EACH_BOOK",
        changed(models.FLAT),
    ),
    (
        "PEAK_FOR_EACH_BOOK",
        changed(models.PER_UNIT),
    ),
    (
        "LIMIT_FOR_EACH_BOOK",
        changed(models.PERCENTAGE),
    ),
    ("BANKERS_ROUNDING", test_conservation.test_half_a_step_goes_away_from_zero_on_both_sides),
    ("ROUNDED_UP", test_money.test_rounding_is_symmetric_and_never_off_by_more_than_half_a_step),
    ("FLOATS", test_money.test_minor_units_come_back_unchanged),
    ("YEN_TIMES_100", test_money.test_rounding_is_symmetric_and_never_off_by_more_than_half_a_step),
    ("INCLUSIVE_END", test_proration.test_the_parts_of_a_month_sum_to_the_whole),
    ("PARTS_ROUNDED_ALONE", test_proration.test_the_parts_of_a_month_sum_to_the_whole),
    ("PARTS_ROUNDED_ALONE", test_subscriptions.test_periods_of_one_plan_sum_to_its_month),
    ("SHARES_ROUNDED_ALONE", test_proration.test_a_distribution_keeps_the_sum_and_the_proportions),
    ("LATE_USAGE_LOST", test_late_usage.test_however_usage_arrives_all_invoices_sum_to_pricing_it_at_once),
    (
        "LATE_USAGE_LOST",
        test_conservation.test_however_late_usage_comes_the_months_bill_what_pricing_it_at_once_comes_to,
    ),
    ("LATE_USAGE_TWICE", test_late_usage.test_however_usage_arrives_all_invoices_sum_to_pricing_it_at_once),
    (
        "CORRECTIONS_IGNORED",
        test_conservation.test_however_late_usage_comes_the_months_bill_what_pricing_it_at_once_comes_to,
    ),
    ("CONVERTED_DAY_BY_DAY", test_conservation.test_a_quantity_does_not_depend_on_the_days_and_order_it_comes_in),
    (
        "PEAKS_ADDED_UP",
        test_conservation.test_a_peak_is_that_of_the_month_whatever_the_order_and_however_often_it_is_told,
    ),
    ("CREDIT_BELOW_ZERO", test_credits.test_credits_are_conserved_and_the_total_never_falls_below_zero),
    ("CREDIT_USED_TWICE", test_credits.test_credits_are_conserved_and_the_total_never_falls_below_zero),
    ("CREDIT_USED_TWICE", test_conservation.test_a_year_of_bills_loses_no_cent),
    (
        "RETURNED_AS_MONEY",
        test_returned_credits.test_what_credits_paid_is_never_money_and_no_credit_holds_more_than_was_granted,
    ),
    (
        "CREDIT_BEFORE_MONEY",
        test_returned_credits.test_of_a_month_that_credits_paid_which_ended_they_go_on_paying_what_they_paid_as_far_as_it_is_due,
    ),
    (
        "BELOW_ZERO_AS_MONEY",
        test_returned_credits.test_no_more_leaves_as_money_than_came_in_and_was_given_while_a_credit_paid_anything,
    ),
    ("CARRIED_CENT_LOST", test_conservation.test_a_year_of_bills_loses_no_cent),
    ("DISCOUNT_WITHOUT_END", test_discounts.test_no_discount_takes_more_than_there_is_and_each_sums_to_its_shares),
    ("FIRST_MATCH_WINS", test_prices.test_without_ties_the_order_of_prices_does_not_matter),
    ("FIRST_LINE_TAKES_ALL", test_usage_lines.test_grouped_lines_are_rated_as_if_each_value_were_alone),
)


def run(prove: Callable[..., Any]) -> None:
    """Runs one property with settings of our own: hypothesis has no public way to change those of a made test."""
    test = prove.func if isinstance(prove, partial) else prove
    with patch.object(test, "_hypothesis_internal_use_settings", QUICK):
        prove()


def named(part: Any) -> str:
    return f"{part.func.__name__}-{part.args[0]}" if isinstance(part, partial) else getattr(part, "__name__", str(part))


@pytest.mark.parametrize(("bug", "prove"), CAUGHT, ids=named)
def test_a_planted_bug_is_caught(bug: str, prove: Callable[..., Any]) -> None:
    planted: bugs.Bug = getattr(bugs, bug)
    with pytest.raises((AssertionError, ValueError, ArithmeticError)), planted.planted():
        run(prove)


def test_a_currency_of_another_exponent_is_caught() -> None:
    with pytest.raises(AssertionError), bugs.YEN_TIMES_100.planted():
        test_conservation.test_one_whole_is_what_stripe_counts_it_as("jpy")


def test_every_bug_is_caught_by_some_property() -> None:
    names = {name for name, value in vars(bugs).items() if isinstance(value, bugs.Bug)}
    assert names == {name for name, _ in CAUGHT}

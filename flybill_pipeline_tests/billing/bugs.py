"""Wrong billing, as other systems have it or one slip would make it. Each exists in order to be caught by a property.

Belongs here: what is wrong, and where it is put. Which property must catch it stands in test_planted_bugs.py.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal
from typing import Any
from unittest.mock import patch

from flybill_pipeline.billing.invoicing import late_usage, outcomes, returned_credits
from flybill_pipeline.billing.invoicing.items import credits as prepaid
from flybill_pipeline.billing.invoicing.items import discounts
from flybill_pipeline.billing.invoicing.late_usage import ADJUSTMENT
from flybill_pipeline.billing.money import amounts as money
from flybill_pipeline.billing.money import currencies, period, proration
from flybill_pipeline.billing.money.decimals import ZERO
from flybill_pipeline.billing.pricing import limits, line_heads, line_items, models, prices, rating
from flybill_pipeline.billing.pricing.prices import Price, PriceModel
from flybill_pipeline.billing.pricing.stretches import WHOLE, Stretch
from flybill_pipeline.billing.pricing.working import WorkingStep
from flybill_pipeline.billing.usage import aggregation
from flybill_pipeline.billing.usage.meters import Meter


@dataclass(frozen=True)
class Bug:
    """`wrong` stands in the place of what `where` has under `name`."""

    where: Any
    name: str
    wrong: Any

    @contextmanager
    def planted(self) -> Iterator[None]:
        """The bug in every module that has imported what it stands for, until the block ends."""
        if isinstance(self.where, PriceModel):  # which is frozen
            with patch.dict(vars(self.where), {self.name: self.wrong}):
                yield
            return
        right = vars(self.where)[self.name]
        modules = [each for name, each in sys.modules.items() if name.startswith("flybill") and name != __name__]
        with ExitStack() as stack:
            for holder in (self.where, *modules):
                for name in [name for name, value in vars(holder).items() if value is right]:
                    stack.enter_context(patch.object(holder, name, self.wrong))
            yield


def _model(model: PriceModel, wrong: Callable[[Price, Decimal], Iterable[WorkingStep]]) -> Bug:
    """`wrong` rates whole months."""
    return Bug(model, "steps", lambda price, stretch: tuple(wrong(price, stretch.end)))


# Tiers


def _tier_parts(price: Price, quantity: Decimal) -> Iterator[tuple[Decimal, Decimal, prices.Tier]]:
    lower = ZERO
    for tier in price.tiers:
        if quantity > lower:
            upper = quantity if tier.up_to is None else min(quantity, tier.up_to)
            yield lower, upper, tier
            lower = upper


def _overlapping(price: Price, quantity: Decimal) -> Iterator[WorkingStep]:
    """[from, to] of whole numbers: the unit at the boundary is in both tiers."""
    for lower, upper, tier in _tier_parts(price, quantity):
        part = upper - lower + (1 if lower else 0)
        yield WorkingStep("tier", amount=part * tier.unit_amount + tier.flat_amount, quantity=part)


def _gap(price: Price, quantity: Decimal) -> Iterator[WorkingStep]:
    """A tier begins at the last one's end + 1: a fraction in between is in none."""
    for lower, upper, tier in _tier_parts(price, quantity):
        part = max(upper - lower - 1, ZERO) if lower else upper - lower
        yield WorkingStep("tier", amount=part * tier.unit_amount + tier.flat_amount, quantity=part)


def _all_at_the_last(price: Price, quantity: Decimal) -> Iterator[WorkingStep]:
    """Graduated as if it were volume: the bill falls where a cheaper tier begins."""
    *_, (_, _, tier) = _tier_parts(price, quantity)
    yield WorkingStep("tier", amount=quantity * tier.unit_amount + tier.flat_amount, quantity=quantity)


def _next_tier_at_its_end(price: Price, quantity: Decimal) -> Iterator[WorkingStep]:
    """volume: a quantity that is exactly a tier's end falls into the next one."""
    lowers = (ZERO, *(tier.up_to or ZERO for tier in price.tiers[:-1]))
    lower, tier = next(
        pair for pair in zip(lowers, price.tiers, strict=True) if pair[1].up_to is None or quantity < pair[1].up_to
    )
    amount = quantity * tier.unit_amount + tier.flat_amount
    yield WorkingStep("tier", amount=amount, quantity=quantity, from_quantity=lower, up_to=tier.up_to)


def _mirrored_in_words(step: WorkingStep) -> WorkingStep:
    """A correction mirrored in the working, but not in the amount."""
    return step._replace(quantity=None if step.quantity is None else -step.quantity)


BOUNDARY_TWICE = _model(models.GRADUATED, _overlapping)
GAP_BETWEEN_TIERS = _model(models.GRADUATED, _gap)
GRADUATED_LIKE_VOLUME = _model(models.GRADUATED, _all_at_the_last)
VOLUME_PAST_ITS_END = _model(models.VOLUME, _next_tier_at_its_end)
CORRECTION_THAT_COSTS = Bug(rating, "_mirrored", _mirrored_in_words)
NO_MAXIMUM = Bug(limits, "_lowered", lambda parts: ())

# Prices that change within a month

_usage_steps, _share_of_month, _limit_steps = rating.usage_steps, rating.share_of_month, limits.limit_steps


def _climbed_anew(price: Price, usage: Stretch) -> tuple[WorkingStep, ...]:
    """Tiers, packages and free units begin again with each book."""
    units = usage.end - usage.start
    return _usage_steps(price, Stretch(ZERO, units, units, usage.share))


def _tier_of_the_part(price: Price, stretch: Stretch) -> tuple[WorkingStep, ...]:
    """volume: each book looks for the tier of the usage of its own days."""
    return _volume_steps(price, stretch._replace(month=abs(stretch.end - stretch.start)))


def _each_compared(parts: Sequence[limits.PricedPart]) -> list[tuple[WorkingStep, ...]]:
    """Each book's whole limit, against the usage of its own days."""
    return [steps for part in parts for steps in _limit_steps([part._replace(share=WHOLE)])]


_volume_steps, _flat_steps = models.VOLUME.steps, models.FLAT.steps

LADDER_CLIMBED_ANEW = Bug(rating, "usage_steps", _climbed_anew)
VOLUME_OF_THE_PART = Bug(models.VOLUME, "steps", _tier_of_the_part)
FLAT_FOR_EACH_BOOK = Bug(models.FLAT, "steps", lambda price, part: _flat_steps(price, part._replace(share=WHOLE)))
PEAK_FOR_EACH_BOOK = Bug(rating, "share_of_month", lambda price, peak, share: _share_of_month(price, peak, WHOLE))
LIMIT_FOR_EACH_BOOK = Bug(limits, "limit_steps", _each_compared)


# Money


def _by_float(amount: Decimal, currency: str) -> int:
    unit = currencies.currency_of(currency)
    return round(float(amount) * unit.units_per_major / unit.step) * unit.step


def _hundredths(code: str) -> currencies.Currency:
    return replace(currencies.CURRENCIES[code.lower()], units_per_major=100, step=1)


BANKERS_ROUNDING = Bug(money, "ROUND_HALF_UP", ROUND_HALF_EVEN)
ROUNDED_UP = Bug(money, "ROUND_HALF_UP", ROUND_CEILING)
FLOATS = Bug(money, "to_minor", _by_float)
YEN_TIMES_100 = Bug(money, "currency_of", _hundredths)

# Time and shares


def _inclusive(amount_minor: int, currency: str, month: period.Month, start: datetime, end: datetime) -> int:
    """The last day counts, too: 24/31 from the 8th to the 31st, and both sides have the day of a change."""
    days = (min(end, month.end) - max(start, month.start)) // timedelta(days=1) + 1
    return amount_minor * days // ((month.end - month.start) // timedelta(days=1))


def _each_rounded(amount_minor: int, currency: str, month: period.Month, start: datetime, end: datetime) -> int:
    """Every part rounded on its own."""
    return round(Decimal(amount_minor) * ((end - start) // timedelta(microseconds=1)) / _microseconds(month))


def _microseconds(month: period.Month) -> int:
    return (month.end - month.start) // timedelta(microseconds=1)


def _each_share_rounded(amount_minor: int, weights: Sequence[int], currency: str) -> list[int]:
    return [round(Decimal(amount_minor) * weight / sum(weights)) for weight in weights]


INCLUSIVE_END = Bug(proration, "prorate", _inclusive)
PARTS_ROUNDED_ALONE = Bug(proration, "prorate", _each_rounded)
SHARES_ROUNDED_ALONE = Bug(discounts, "distribute", _each_share_rounded)

# What is due


def _only_new_lines(now: Sequence[line_items.LineItem], billed: Iterable[late_usage.BilledLine]) -> Any:
    """A line that was billed is done with: what came late for it is lost."""
    known = {line.line_id for line in billed}
    return tuple(line for line in now if line.line_id not in known)


def _whole_again(line: line_items.LineItem, before: Sequence[late_usage.BilledLine]) -> line_items.LineItem:
    """Late usage re-bills the month as a whole."""
    return line._replace(kind=ADJUSTMENT) if before else line


def _on_its_own(line: line_items.LineItem, before: Sequence[late_usage.BilledLine]) -> line_items.LineItem:
    """Only more is billed, never less: corrections are ignored."""
    found = _difference(line, before)
    return found if found.amount_minor > 0 or not before else found._replace(amount=ZERO, amount_minor=0, working=())


_difference = late_usage.difference


def _converted_day_by_day(meter: Meter, totals: Iterable[Any], before: Any = None) -> Decimal:
    return sum((aggregation.convert(meter, aggregation.aggregate(meter, [total])) for total in totals), ZERO)


def _every_peak(meter: Meter, totals: Iterable[Any]) -> Iterable[list[Any]]:
    """Each day's peak as if it were a series of its own."""
    return [[total] for total in totals]


LATE_USAGE_LOST = Bug(late_usage, "unbilled", _only_new_lines)
LATE_USAGE_TWICE = Bug(late_usage, "difference", _whole_again)
CORRECTIONS_IGNORED = Bug(late_usage, "difference", _on_its_own)
CONVERTED_DAY_BY_DAY = Bug(aggregation, "billed_quantity", _converted_day_by_day)
PEAKS_ADDED_UP = Bug(aggregation, "_series", _every_peak)

# Accounts


def _overdrawn(total_minor: int, available: Iterable[prepaid.Credit], currency: str, month: period.Month) -> Any:
    """The whole credit is used, whatever is due."""
    found = list(available)
    lines = [prepaid._line(each, each.left_minor, month) for each in found if each.left_minor]
    return prepaid.CreditsApplied(tuple(lines), tuple(replace(each, left_minor=0) for each in found))


def _used_twice(total_minor: int, available: Iterable[prepaid.Credit], currency: str, month: period.Month) -> Any:
    """What a credit paid is not taken off it."""
    found = tuple(available)
    return replace(_apply_credits(total_minor, found, currency, month), credits=found)


def _kept_below_the_minimum(total: int, currency: str, *args: Any, **kwargs: Any) -> outcomes.Outcome:
    """Too small to invoice is nothing to bill."""
    decided = _decide(total, currency, *args, **kwargs)
    return replace(decided, outcome="nothing_to_bill") if decided.code == "below_minimum" else decided


def _more_than_there_is(discount: discounts.Discount, base_minor: int, currency: str) -> int:
    return discount.amount_minor or _off(discount, base_minor, currency)


def _as_money(*_: Any) -> Iterator[Any]:
    """What credits paid comes back as money."""
    return iter(())


def _to_the_credit_first(paid: Sequence[returned_credits.PaidMonth], currency: str, lines: Any, *money: int) -> Any:
    """Whatever is taken back goes back to credits, also what was paid in money."""
    less = -sum(line.amount_minor for line in lines)
    spread = _spread(paid, currency, lines, *money)
    spread.over.update({(credit, each.month): max(less, 0) for each in paid for credit in each.uses})
    return spread


def _below_zero_as_money(paid: Sequence[returned_credits.PaidMonth], currency: str, lines: Any, _: int) -> Any:
    """A month below zero is money, whatever credits paid."""
    return _spread(paid, currency, lines, 10**18)


_spread = returned_credits._spread
_apply_credits, _decide, _off = prepaid.apply_credits, outcomes.decide, discounts._off

CREDIT_BELOW_ZERO = Bug(prepaid, "apply_credits", _overdrawn)
CREDIT_USED_TWICE = Bug(prepaid, "apply_credits", _used_twice)
RETURNED_AS_MONEY = Bug(returned_credits, "returned", _as_money)
CREDIT_BEFORE_MONEY = Bug(returned_credits, "_spread", _to_the_credit_first)
BELOW_ZERO_AS_MONEY = Bug(returned_credits, "_spread", _below_zero_as_money)
CARRIED_CENT_LOST = Bug(outcomes, "decide", _kept_below_the_minimum)
DISCOUNT_WITHOUT_END = Bug(discounts, "_off", _more_than_there_is)

# Choices


def _by_place(book: prices.PriceBook) -> Any:
    """The first price that matches wins, however little it says."""
    return {(None, meter): tuple(price for price in book.prices if price.meter == meter) for meter in book.meters}


FIRST_MATCH_WINS = Bug(prices.PriceBook, "_by_meter", property(_by_place))
FIRST_LINE_TAKES_ALL = Bug(
    line_heads, "line_dimensions", lambda price, dimensions: {**price.match, **dict.fromkeys(price.group_by, "")}
)

"""One quantity priced on its own, by the same code as an invoice. Reading books and printing belong to the CLI."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from flybill_pipeline.billing.money.decimals import ZERO, plain
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_heads import line_dimensions
from flybill_pipeline.billing.pricing.prices import PriceBook
from flybill_pipeline.billing.pricing.usage_lines import price_usage
from flybill_pipeline.billing.pricing.working import working_data
from flybill_pipeline.billing.usage.meters import Aggregation
from flybill_pipeline.billing.usage.totals import UsageTotal

_ANY_MONTH = Month(2026, 1)  # a quote is that of a whole month, whichever it is: not every date has one


class UnpricedError(ValueError):
    """No price covers what was asked; the message says what the book lacks."""


@dataclass(frozen=True, slots=True)
class Quote:
    """What `flybill quote --json` shows: `amount` is exact, before rounding; `amount_minor` is it rounded.

    `description` is what the line of an invoice would say.
    """

    amount_minor: int
    amount: str
    currency: str
    working: list[dict[str, str]]
    description: str


def quote(
    book: PriceBook, meter: str, quantity: Decimal, dimensions: Mapping[str, str], contract: str | None = None
) -> Quote:
    """Prices `quantity` of `meter`, in the unit that usage is recorded in. Raises UnpricedError.

    It stands for what the month's events came to, whatever the meter's aggregation; a level is never below zero.
    """
    measured = book.meters.get(meter)
    if measured is not None and measured.aggregation.has_series:
        quantity = max(quantity, ZERO)
    usage = UsageTotal("quote", meter, dimensions, quantity)
    meters = {n: replace(m, aggregation=Aggregation.SUM, distinct=None) for n, m in book.meters.items()}
    priced = price_usage(replace(book, meters=meters), contract, [usage], _ANY_MONTH)
    price = book.price_for(meter, dimensions, contract)
    if priced.unpriced or price is None:
        raise UnpricedError(priced.unpriced[0].message)
    # A contract's minimums without usage are lines too: this one is of the usage.
    identity = (meter, line_dimensions(price, dimensions))
    line = next(line for line in priced.lines if (line.meter, line.dimensions) == identity)
    return Quote(line.amount_minor, plain(line.amount), line.currency, working_data(line.working), line.description)

"""What a service month was priced from, as fingerprints: equal ones price alike. Nothing is priced or compared here."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flybill_pipeline.billing.invoicing.items.discounts import Discount
from flybill_pipeline.billing.money.decimals import plain
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem


@dataclass(frozen=True, slots=True)
class Basis:
    """What one org's lines of `service_month` were made from.

    `usage_version` names all usage of the month at that time, `usage_fingerprint` the org's part of it ("" when it has
    none), `terms` the prices and whatever else made lines. A fingerprint may change without need (then pricing again
    gives the same); it never stays the same when the lines would differ. `discounts` names those that held in the month
    when it was first priced; None: it was settled before they were kept.
    """

    service_month: Month
    usage_version: str
    usage_fingerprint: str
    terms: str
    contract: str | None = None
    currency: str | None = None
    discounts: tuple[str, ...] | None = None


def terms_fingerprint(
    prices: str,
    contract: str | None,
    fixed: Iterable[LineItem],
    discounts: Sequence[Discount] = (),
    ahead: Iterable[LineItem] = (),
) -> str:
    """The fingerprint of what an org's month is priced by, beside usage.

    That is its prices, its contract, the lines that do not come from usage; and where discounts held, they and the
    lines for the next month, which were billed in advance under them.
    """
    known: tuple[object, ...] = (prices, contract, [_of_line(line) for line in fixed])
    if discounts:
        known += ([_of_discount(each) for each in discounts], [_of_line(line) for line in ahead])
    text = repr(known)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _of_line(line: LineItem) -> tuple[object, ...]:
    return line.line_id, line.amount_minor, line.description


def _of_discount(discount: Discount) -> tuple[object, ...]:
    percent = None if discount.percent is None else plain(discount.percent)
    return discount.discount_id, percent, discount.amount_minor, discount.currency, sorted(discount.meters)

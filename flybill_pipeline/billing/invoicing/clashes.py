"""Money in another currency than an org is billed in: it waits for a person, it never vanishes. Words and codes only.

One invoice holds one currency. What decides about the currency of a month are the org's terms.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from flybill_pipeline.billing.invoicing.items.credits import Credit
from flybill_pipeline.billing.invoicing.items.discounts import Discount
from flybill_pipeline.billing.invoicing.outcomes import HoldReason
from flybill_pipeline.billing.money.amounts import format_money
from flybill_pipeline.billing.money.decimals import ZERO
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem

CODE = "currency_clash"
GIVEN_BACK = (
    "Let it last until the end of what is paid, and give back what is due as a one_off in {currency}; or give the "
    "organization its earlier currency ({other}) back. Then repair the month."
)


def carried_in_others(currency: str, carried_over: Mapping[str, int]) -> Iterator[HoldReason]:
    """A problem for each other currency in which something (minor units) is open from earlier months."""
    for other in sorted(carried_over.keys() - {currency}):
        yield HoldReason(
            CODE,
            f"{format_money(carried_over[other], other)} is carried over from earlier months, and now the organization "
            f"is billed in {currency}: both cannot be on one invoice.",
            f"Give the organization its earlier currency ({other}) back and close the month; change it when nothing is "
            "carried over any more.",
        )


def credits_in_others(currency: str, month: Month, available: Iterable[Credit]) -> Iterator[HoldReason]:
    """A problem for each credit that is valid in the month and has something left in another currency."""
    for credit in available:
        if credit.currency != currency and credit.left_minor > 0 and credit.pays_for(month):
            left = format_money(credit.left_minor, credit.currency)
            yield HoldReason(
                CODE,
                f"{left} are left of the prepaid credit {credit.credit_id!r}, and now the organization is billed in "
                f"{currency}, which it cannot pay.",
                f"Give the organization its earlier currency ({credit.currency}) back; or import the credit again with "
                f"the end {month.first_day} and one in {currency} for what is left; then repair the month.",
            )


def discounts_in_others(currency: str, month: Month, discounts: Iterable[Discount]) -> Iterator[HoldReason]:
    """A problem for each discount of an amount in another currency that holds in the month."""
    for discount in discounts:
        if discount.applies_in(month) and discount.currency not in {None, currency}:
            yield HoldReason(
                CODE,
                f"The discount {discount.discount_id!r} is an amount in {discount.currency}, and now the organization "
                f"is billed in {currency}.",
                f"Import it again with the end {month}, and one in {currency} that starts then; then repair the month.",
            )


def lines_in_others(currency: str, lines: Iterable[LineItem]) -> Iterator[HoldReason]:
    """A problem for each line of a plan or item that is due, or to be given back, in another currency."""
    for line in lines:
        if line.currency == currency or not line.amount_minor:
            continue
        amount = format_money(line.amount_minor, line.currency)
        taken_back = line.amount_minor < 0
        yield HoldReason(
            CODE,
            f"{amount} ({line.description}) is in {line.currency}, and the organization is billed in {currency}.",
            GIVEN_BACK.format(currency=currency, other=line.currency)
            if taken_back
            else f"End it, import it again in {currency}, then repair the month.",
        )


def late_in_another(currency: str, service_month: Month, late: Iterable[LineItem]) -> Iterator[HoldReason]:
    """A problem when something that came late for a month is in another currency, in which the month was billed."""
    amounts = Counter[str]()
    for line in late:
        if line.currency != currency and line.amount_minor:
            amounts[line.currency] += line.amount_minor
    for other, amount_minor in sorted(amounts.items()):
        yield HoldReason(
            "currency_changed",
            f"{service_month} was billed in {other}, and now the organization is billed in {currency}: what came "
            f"late for {service_month} ({format_money(amount_minor, other)}) cannot be on this invoice.",
            "Give the organization its earlier currency back, close the month, then change it.",
        )


def told_in(currency: str, lines: Iterable[LineItem]) -> Iterator[LineItem]:
    """The lines that a bill in `currency` can hold: its own, and what comes to nothing in whichever currency.

    Free usage is explained on a bill, and counted as billed, although another currency was in force when it was used.
    """
    for line in lines:
        if line.currency == currency:
            yield line
        elif not line.amount_minor:
            yield line._replace(currency=currency, amount=ZERO, working=())

"""A contract's minimum spend over everything it buys, as a true-up line. The minimum of one price is rating's."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from flybill_pipeline.billing.money.amounts import format_money, from_minor, to_minor
from flybill_pipeline.billing.money.decimals import ZERO, exact
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem, line_id, total_minor
from flybill_pipeline.billing.pricing.price_changes import BooksOfMonth
from flybill_pipeline.billing.pricing.working import WorkingStep


@dataclass(frozen=True, slots=True)
class Commitment:
    """The minimum spend of a month, in minor units: of its contracts, each for the share of the days that it holds.

    `words` says for which days it is due where that is not all of the month, and of what parts it is the sum where
    contracts or books follow one another.
    """

    contracts: str
    minimum_minor: int
    words: str = ""


def commitment_in(books: BooksOfMonth) -> Commitment | None:
    """What the contracts of a month commit to; None: to nothing. A contract that a book lacks counts as none."""
    due, names, days, parts = ZERO, list[str](), 0, list[_Part]()
    with exact():
        for part in books.parts:
            contract = part.book.contracts.get(part.contract or "")
            if contract is not None and contract.minimum_spend is not None:
                due += part.share.of(contract.minimum_spend)
                days += (part.end - part.start).days
                names += [] if contract.name in names else [contract.name]
                _add(parts, _Part(contract.minimum_spend, days, due))
    if not names:
        return None
    currency = books.parts[0].book.currency
    return Commitment(", ".join(names), to_minor(due, currency), _words(parts, books.month.last_day.day, currency))


def counts(line: LineItem, month: Month) -> bool:
    """Whether a line, before discounts and credits, counts for the minimum of a month.

    What is billed late for another month belongs to that month's commitment. A one-off item below zero is given, not
    spent: if it counted, the minimum would take it back.
    """
    return line.service_month == month and not (line.kind == "one_off" and line.amount_minor < 0)


class _Part(NamedTuple):
    """What one minimum of a month adds to the sum: `days` and `due` are those of the parts up to it, together."""

    minimum: Decimal
    days: int
    due: Decimal


def _add(parts: list[_Part], part: _Part) -> None:
    """The same minimum in another book, or in the next contract, goes on."""
    if parts and parts[-1].minimum == part.minimum:
        parts.pop()
    parts.append(part)


def _words(parts: Sequence[_Part], of_month: int, currency: str) -> str:
    """The parts are rounded one on top of the other, so that they sum to the minimum."""
    days = parts[-1].days
    words = "" if days == of_month else f" for {days} of {of_month} days"
    if len(parts) == 1:
        return words
    told, before, passed = list[str](), 0, 0
    for part in parts:
        amount = to_minor(part.due, currency) - before
        told.append(f"{format_money(amount, currency)} for {part.days - passed}")
        before, passed = before + amount, part.days
    return f"{words or ' a month'} ({' and '.join(told)} of {of_month} days)"


def true_up_line(
    lines: Iterable[LineItem],
    commitment: Commitment,
    currency: str,
    month: Month,
    billed_before_minor: int = 0,
) -> LineItem | None:
    """What is missing from the month's `lines` to the minimum, as a line; None when nothing is.

    A commitment is due without any usage too. It counts what `counts` says; `billed_before_minor` is what of the month
    was billed in advance.
    """
    spent_minor = billed_before_minor + total_minor(line for line in lines if counts(line, month))
    if spent_minor >= commitment.minimum_minor:
        return None
    minimum_minor = commitment.minimum_minor
    amount_minor = minimum_minor - spent_minor
    amount, limit = from_minor(amount_minor, currency), from_minor(minimum_minor, currency)
    minimum, spent = format_money(minimum_minor, currency), format_money(spent_minor, currency)
    return LineItem(
        kind="true_up",
        line_id=line_id("true_up", month, commitment.contracts),
        meter=None,
        dimensions={},
        service_month=month,
        quantity=Decimal(1),
        unit=None,
        amount=amount,
        amount_minor=amount_minor,
        currency=currency,
        description=f"Minimum of {minimum}{commitment.words or ' a month'}, {spent} of it used",
        working=(WorkingStep("minimum_spend", amount=amount, limit=limit),),
    )

"""What becomes of a month that the database will not take: it is held, so that the other organizations go on."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal

from flybill_pipeline.billing.invoicing.invoice import Draft
from flybill_pipeline.billing.invoicing.outcomes import HoldReason
from flybill_pipeline.billing.money.decimals import ZERO, exact
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.pricing.usage_lines import LARGEST_MINOR
from flybill_pipeline.billing.usage.texts import without_nul


def fits(line: LineItem) -> bool:
    """Whether an invoice can hold the line."""
    return -LARGEST_MINOR < line.amount_minor < LARGEST_MINOR


def items_too_large(lines: Iterable[LineItem]) -> Iterator[HoldReason]:
    """A problem for each line of a plan or item that no invoice can hold."""
    for line in lines:
        if not fits(line):
            yield HoldReason(
                "too_large",
                f"{line.description} comes to more than any invoice can hold.",
                "Correct the amount or the seats of the item, import it again, then repair the month.",
            )


class UnstorableDraftError(Exception):
    """The database does not take a draft: a number or a text in it is none that it can keep. The message says which."""


def held_instead(draft: Draft, why: str) -> Draft:
    """The draft without its lines, held; each meter's recorded usage waits, so that nothing goes missing."""
    return replace(
        draft,
        lines=(),
        carried_minor=0,
        problems=tuple(_reasons(draft, without_nul(why))),
        bases=(),
        credit_uses={},
        credits_returned=(),
    )


def _reasons(draft: Draft, why: str) -> Iterator[HoldReason]:
    problem = HoldReason(
        code="not_storable",
        message=f"The lines of {draft.month} cannot be stored: {why}.",
        remedy="Find the usage or the price that is out of all bounds with `flybill quarantine` and the price book,"
        " mend it, then close the month again.",
    )
    waiting = _waiting(draft)
    yield from (replace(problem, meter=meter, quantity=waiting[meter]) for meter in sorted(waiting))
    if not waiting:
        yield problem


def _waiting(draft: Draft) -> dict[str, Decimal]:
    recorded = [(line.meter, line.usage) for line in draft.lines if line.service_month == draft.month]
    recorded += [(problem.meter, problem.quantity) for problem in draft.problems]
    waiting: dict[str, Decimal] = {}
    with exact():
        for meter, quantity in recorded:
            if meter is not None:
                waiting[without_nul(meter)] = waiting.get(without_nul(meter), ZERO) + quantity
    return waiting

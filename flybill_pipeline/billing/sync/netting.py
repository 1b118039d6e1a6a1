"""Lines below zero, taken off those above: Stripe refuses negative lines on an invoice that it adds tax to.

What is taken off is spread over the lines by their amounts, so that it lowers the tax of each rate alike.
"""

from collections.abc import Sequence
from dataclasses import replace

from flybill_pipeline.billing.money.amounts import format_money
from flybill_pipeline.billing.money.currencies import currency_of
from flybill_pipeline.billing.sync.lines import LONGEST_DESCRIPTION
from flybill_pipeline.billing.sync.values import SyncLine
from flybill_pipeline.billing.usage.graphemes import cut


def netted(lines: Sequence[SyncLine], currency: str) -> tuple[SyncLine, ...]:
    """The lines without those below zero, to the same sum, which must be above zero; in the same order."""
    taken_off = -sum(line.amount_minor for line in lines if line.amount_minor < 0)
    kept = [line for line in lines if line.amount_minor >= 0]
    if not 0 < taken_off < sum(line.amount_minor for line in kept):
        return tuple(lines)  # nothing to take off, or an invoice that is never sent
    step = currency_of(currency).step
    parts = shares(taken_off // step, [line.amount_minor // step for line in kept])
    return tuple(_less(line, part * step, currency) for line, part in zip(kept, parts, strict=True))


def shares(amount: int, weights: Sequence[int]) -> list[int]:
    """`amount` in whole parts by these weights, none more than its weight; `amount` is less than their sum."""
    total = sum(weights)
    parts = [amount * weight // total for weight in weights]
    by_rest = sorted(range(len(weights)), key=lambda index: (-(amount * weights[index] % total), index))
    for index in by_rest[: amount - sum(parts)]:
        parts[index] += 1
    return parts


def _less(line: SyncLine, part: int, currency: str) -> SyncLine:
    if not part:
        return line
    words = f", less {format_money(part, currency)} of credits and discounts"
    head = cut(line.description, LONGEST_DESCRIPTION - len(words))
    return replace(line, amount_minor=line.amount_minor - part, description=f"{head}{words}")

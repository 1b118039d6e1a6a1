"""What of lines grows as their usage does, and what it comes to with more: not fixed amounts. No time, no pace here."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from flybill_pipeline.billing.money.amounts import to_minor
from flybill_pipeline.billing.money.decimals import ZERO, exact
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.pricing.shares import share_minor


class _Growing(NamedTuple):
    """Of a line, in minor units: what grows, and what its price's minimum adds as long as that is less."""

    minor: int
    missing_minor: int


NOTHING: Mapping[str, str] = {}


def growing_minor(lines: Iterable[LineItem], scope: Mapping[str, str] = NOTHING) -> int:
    """What of the lines, or of the part of them that `scope` names, grows with usage, in minor units.

    Flat amounts are due once, a minimum hides what usage costs, and what has come to its maximum costs no more.
    """
    return sum(_growing(line, scope).minor for line in lines)


def grown_by(lines: Sequence[LineItem], more: int, scope: Mapping[str, str] = NOTHING) -> Iterator[int]:
    """What is added to each line by `more` minor units of usage, spread over what grows; a minimum takes its part.

    All of `more` that no minimum takes is added; nothing where nothing grows.
    """
    parts = [_growing(line, scope) for line in lines]
    used, so_far = sum(part.minor for part in parts), 0
    for part in parts:
        before, so_far = so_far, so_far + part.minor
        share = more * so_far // used - more * before // used if used else 0
        yield share - min(max(share, 0), part.missing_minor)


def _growing(line: LineItem, scope: Mapping[str, str]) -> _Growing:
    share, amount = share_minor([line], scope), line.amount_minor
    if line.kind != "usage" or not line.working:
        return _Growing(share, 0)
    kinds = {step.step for step in line.working}
    if "maximum_spend" in kinds:
        return _Growing(0, 0)
    with exact():
        fees = sum([step.flat_amount or ZERO for step in line.working if step.amount >= ZERO], ZERO)
        missing = sum([step.amount for step in line.working if step.step == "minimum_spend"], ZERO)
    fixed_minor, missing_minor = to_minor(fees, line.currency), to_minor(missing, line.currency)
    grows = amount - fixed_minor - missing_minor
    if share == amount:
        return _Growing(grows, missing_minor)
    return _Growing(grows * share // amount, missing_minor * share // amount) if amount else _Growing(0, 0)

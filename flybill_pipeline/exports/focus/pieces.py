"""A line in pieces that each have one unit price: a tier, a fee, a package. Their quantities x prices sum to the line.

What a piece was billed, in cents: `shared`. No column is named here.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from flybill_pipeline.billing.money.amounts import from_minor, to_minor
from flybill_pipeline.billing.money.decimals import ZERO, divide, exact, plain
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.pricing.working import WorkingStep

ONE = Decimal(1)
PLACES = 9
"""Decimals of the part of a piece's quantity that is one portion's."""


class Piece(NamedTuple):
    """`quantity` of `unit` at `unit_price` (0 or more, in major units); `price` names it within the line's SKU.

    `consumed` is what was consumed, in the unit of the line: that of all pieces of a line is the line's quantity.
    """

    price: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    consumed: Decimal

    @property
    def cost(self) -> Decimal:
        """Exact, in major units."""
        with exact():
            return self.quantity * self.unit_price


def pieces_of(line: LineItem) -> list[Piece]:
    """The pieces of a line that was priced as a whole, at least one."""
    unit = line.unit or "item"
    pieces = [piece for step in line.working for piece in _pieces(step, unit)]
    if not pieces:
        return [Piece("units", line.quantity, unit, ZERO, line.quantity)]
    if not any(piece.consumed for piece in pieces):
        pieces[0] = pieces[0]._replace(consumed=line.quantity)
    return pieces


def _pieces(step: WorkingStep, unit: str) -> Iterator[Piece]:
    quantity, name = step.quantity or ZERO, _name(step)
    price = step.rate if step.unit_amount is None else step.unit_amount
    unit_price, size = price or ZERO, step.package_size
    with exact():
        rest = step.amount - quantity * unit_price
    if quantity and (price is not None or not step.amount):
        if rest and rest != step.flat_amount:  # such as a plan that was active for part of the month
            yield _whole(name, step.amount)
            return
        counted = (unit, quantity) if size is None else (f"{plain(size)} {unit}", ZERO)
        yield Piece(name, quantity, counted[0], unit_price, counted[1])
        if rest:
            yield _whole(f"{name}-fee", rest)
    elif step.amount:
        yield _whole(name, step.amount)


def _whole(name: str, amount: Decimal) -> Piece:
    """An amount that no quantity was multiplied with; less than nothing is minus one of it."""
    return Piece(name, ONE.copy_sign(amount), "item", amount.copy_abs(), ZERO)


def _name(step: WorkingStep) -> str:
    """The same for the same tier of a price, whatever the amounts are: they may change, the SKU price does not."""
    return f"{step.step}-{plain(step.from_quantity)}" if step.from_quantity is not None else step.step


def part_of(piece: Piece, passed: Decimal, weight: Decimal, whole: Decimal) -> Piece:
    """The piece's part for `weight` of `whole`, when `passed` had its part already: all parts sum to the piece."""

    def part(quantity: Decimal) -> Decimal:
        until = divide(quantity * (passed + weight), whole, PLACES) if passed + weight != whole else quantity
        return until - divide(quantity * passed, whole, PLACES)

    with exact():
        return piece._replace(quantity=part(piece.quantity), consumed=part(piece.consumed))


def shared(amount_minor: int, pieces: Sequence[Piece], currency: str) -> list[int]:
    """What of `amount_minor` is each piece's, as their costs are; the last has the rest, so they sum to it."""
    with exact():
        whole = sum((piece.cost for piece in pieces), ZERO)
    parts: list[int] = []
    passed, given = ZERO, 0
    for piece in pieces[:-1]:
        with exact():
            passed += piece.cost
            due = divide(from_minor(amount_minor, currency) * passed, whole) if whole else ZERO
        upto = to_minor(due, currency)
        parts.append(upto - given)
        given = upto
    return [*parts, amount_minor - given]

"""What credits paid and goes back to them, because what they paid for was taken back. How they pay: items/credits.py.

What a credit paid is no money, and may have ended since: given back as money it would be more than was ever granted.
So a credit goes on paying for what its invoice still comes to, money goes back first, and what is left over goes back
to the credit. That can pay with it again, or ended with it. When more is due again, the credit pays it again.

A month may be below zero by itself, as where an export has a retraction on the day on which it was made. So over all
months no more goes back as money than invoices asked for and one-off items gave, as long as a credit paid anything.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import NamedTuple

from flybill_pipeline.billing.invoicing.after_discounts import AfterDiscounts
from flybill_pipeline.billing.invoicing.items.credits import Credit
from flybill_pipeline.billing.invoicing.late_usage import ADJUSTMENT
from flybill_pipeline.billing.invoicing.waivers import is_kept, spread_waived
from flybill_pipeline.billing.money.amounts import format_money, from_minor
from flybill_pipeline.billing.money.meeting import Meeting
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem, line_id, total_minor
from flybill_pipeline.billing.pricing.working import WorkingStep

RETURNED = "credit_returned"
BACK, LAPSED, AGAIN = "credit_back", "credit_lapsed", "credit_again"
"""The step of such a line's working: to a credit that can pay with it, to one that has ended, or out of it again."""

_Bucket = tuple[Month, bool]
"""A service month; of one whose plans were billed ahead these are apart, as another invoice has them."""


@dataclass(frozen=True, slots=True)
class PaidMonth:
    """A settled month of an organization with all its lines, in the order of its invoice; amounts in minor units.

    `uses` is what its invoice took of each credit, `returned` what of that went back since. `carried` says that a later
    month took its total over, `waived_minor` what of it nobody is asked for.
    """

    month: Month
    lines: Sequence[LineItem]
    uses: Mapping[str, int]
    returned: Mapping[str, int]
    carried: bool = False
    waived_minor: int = 0


@dataclass(frozen=True, slots=True)
class PaidByCredits:
    """The settled months that credits paid for, the first settled first; what all invoices ever asked for in money."""

    months: Sequence[PaidMonth] = ()
    asked_minor: int = 0


NOTHING_PAID = PaidByCredits()


@dataclass(frozen=True, slots=True)
class Returned:
    """What of the payment of a credit for the invoice of `paid_in` goes back; below zero: is paid by it again."""

    credit_id: str
    paid_in: Month
    amount_minor: int


def returned(
    month: Month,
    currency: str,
    paid: Sequence[PaidMonth],
    money_minor: int,
    lines: Sequence[LineItem],
    available: Sequence[Credit],
) -> Iterator[tuple[Returned, LineItem]]:
    """What goes back with the `lines` of a month, as entries and as lines; `paid` are in the order of their settling.

    `money_minor` is what can go back as money: what invoices asked for, one-off items gave, and is open. What was given
    back as money, before it went back to credits, stays given.
    """
    known = {credit.credit_id: credit for credit in available if credit.currency == currency}
    most = money_minor + sum(_stays(each, credit_id) for each in paid for credit_id in each.uses if credit_id in known)
    before, now = _spread(paid, currency, (), most), _spread(paid, currency, lines, most + total_minor(lines))
    back = {key: max(over - before.over[key], 0) for key, over in now.over.items()}
    left = Counter({credit_id: credit.left_minor for credit_id, credit in known.items()})
    for (credit_id, _), amount in back.items():
        left[credit_id] += amount
    for each in paid:
        for credit_id in [credit_id for credit_id in _in_turn(each) if credit_id in known]:
            key = credit_id, each.month
            again = max(min(now.again[key] - before.again[key], left[credit_id]), 0)
            left[credit_id] -= again
            if amount := back[key] - again:
                entry = Returned(credit_id, each.month, amount)
                yield entry, _line(month, entry, known[credit_id])


def given_back(month: Month, available: Iterable[Credit], lines: Iterable[LineItem]) -> tuple[Credit, ...]:
    """The credits with what goes back to them by lines of `returned` in the month; the lines need no working."""
    back = [line for line in lines if line.kind == RETURNED]
    return tuple(_with(each, month, back) for each in available) if back else tuple(available)


def _with(credit: Credit, month: Month, back: Sequence[LineItem]) -> Credit:
    own = [line for line in back if line.line_id == _id(month, credit.credit_id, line.service_month)]
    return replace(credit, left_minor=credit.left_minor + total_minor(own))


def _id(month: Month, credit_id: str, paid_in: Month) -> str:
    return line_id(RETURNED, month, credit_id, str(paid_in))


class _Spread(NamedTuple):
    """By credit and month: what of its payment pays for nothing that is due, and what went back of it
    and could pay again."""

    over: Counter[tuple[str, Month]]
    again: Counter[tuple[str, Month]]


def _spread(paid: Sequence[PaidMonth], currency: str, lines: Sequence[LineItem], most: int) -> _Spread:
    """How what credits paid meets what is due, if `lines` are billed too; they pay at `most` so much of it together.

    Who paid first, pays first: of invoices the one that was settled earlier, of its credits the one whose turn was
    earlier. It pays for what its invoice billed, as far as that is still due. What went back to a credit comes last:
    money, or another credit, may have paid in its place.
    """
    ahead = {line.service_month for each in paid for line in each.lines if line.service_month > each.month}
    sums = AfterDiscounts(currency, lambda line: (line.service_month, line.service_month in ahead and _of_plan(line)))
    due = Counter[_Bucket]()
    billed = [sums.add(_billed(each.lines)) for each in paid]
    for amounts in (*billed, sums.add(_billed(lines))):
        due.update(amounts)
    for each, amounts in zip(paid, billed, strict=True):
        due.subtract(spread_waived(each.waived_minor, amounts, currency))
    payments, spread = _Payments(_rooms(paid, billed), due, most), _Spread(Counter(), Counter())
    for place, each in enumerate(paid):
        for credit_id in _in_turn(each):
            stays = _stays(each, credit_id)
            spread.over[credit_id, each.month] = stays - payments.pay(place, stays)
    for place, each in enumerate(paid):
        for credit_id in _in_turn(each):
            spread.again[credit_id, each.month] = payments.pay(place, each.returned.get(credit_id, 0))
    return spread


class _Room(NamedTuple):
    """What an invoice asked for, by what that is due for; `anything` asked for again what was below zero before: that
    had made up for anything else."""

    own: Counter[_Bucket]
    anything: int


class _Payments:
    """Invoices that credits pay for what is due, one after the other, at `most` so much together."""

    def __init__(self, rooms: Sequence[_Room], due: Mapping[_Bucket, int], most: int) -> None:
        own = [dict(sorted(room.own.items())) for room in rooms]
        self._meeting = Meeting([*own, *(dict(sorted(due.items())) for _ in rooms)], due)
        self._anything = [room.anything for room in rooms]
        self._most = most

    def pay(self, place: int, amount: int) -> int:
        """How much of the amount the invoice at this place can pay for."""
        amount = min(amount, self._most)
        met = self._meeting.pay(place, amount)
        more = self._meeting.pay(len(self._anything) + place, min(amount - met, self._anything[place]))
        self._anything[place] -= more
        self._most -= met + more
        return met + more


def _stays(paid: PaidMonth, credit_id: str) -> int:
    """What the credit paid for the month, less what of that went back."""
    return paid.uses[credit_id] - paid.returned.get(credit_id, 0)


def _rooms(paid: Sequence[PaidMonth], billed: Sequence[Counter[_Bucket]]) -> list[_Room]:
    """What each invoice asked for, of earlier months too where it took these over."""
    rooms, carried, before = list[_Room](), _Room(Counter(), 0), Counter[_Bucket]()
    for each, amounts in zip(paid, billed, strict=True):
        makes_up = {key: min(max(amount, 0), max(-before[key], 0)) for key, amount in amounts.items()}
        before.update(amounts)
        own = Counter({key: amount - makes_up[key] for key, amount in amounts.items()})
        room = _Room(carried.own + own, carried.anything + sum(makes_up.values()))  # without what is below zero
        rooms.append(room)
        carried = room if each.carried else _Room(Counter(), 0)
    return rooms


def _billed(lines: Iterable[LineItem]) -> list[LineItem]:
    return [line for line in lines if not is_kept(line)]


def _in_turn(paid: PaidMonth) -> list[str]:
    """Its credits as they stand on its invoice."""
    places = {line.line_id: place for place, line in enumerate(paid.lines)}
    return sorted(paid.uses, key=lambda each: (places.get(line_id("credit", paid.month, each), len(places)), each))


def _of_plan(line: LineItem) -> bool:
    return line.kind in ("subscription", ADJUSTMENT) and line.meter is None and "plan" in line.dimensions


def _line(month: Month, entry: Returned, credit: Credit) -> LineItem:
    amount = from_minor(entry.amount_minor, credit.currency)
    step = _step(month, amount, credit)
    said = format_money(abs(entry.amount_minor), credit.currency)
    return LineItem(
        kind=RETURNED,
        line_id=_id(month, entry.credit_id, entry.paid_in),
        meter=None,
        dimensions={},
        service_month=entry.paid_in,
        quantity=Decimal(1),
        unit=None,
        amount=amount,
        amount_minor=entry.amount_minor,
        currency=credit.currency,
        description=_WORDS[step.step].format(name=credit.name, amount=said, month=entry.paid_in),
        working=(step,),
    )


def _step(month: Month, amount: Decimal, credit: Credit) -> WorkingStep:
    if amount < 0:
        return WorkingStep(AGAIN, amount=amount, note=credit.credit_id)
    if credit.expires_at is not None and credit.expires_at <= month.start:
        return WorkingStep(LAPSED, amount=amount, note=credit.credit_id)
    return WorkingStep(BACK, amount=amount, note=credit.credit_id)


_WORDS = {
    BACK: "{name}: {amount} that it paid in {month} go back to it",
    LAPSED: "{name}: {amount} that it paid in {month} go back to it, and it has ended",
    AGAIN: "{name}: {amount} of {month} are paid by it again",
}

"""What a line is, said from its parts, for languages other than English. What it says on record: `descriptions.py`.

A line on record has one description, in English, as it stands at the payment provider. Names are the price book's or
the operator's own; they stay as they are. What a price is, the steps of the working say below the line.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal

from flybill_pipeline.billing.invoicing.late_usage import ADJUSTMENT, LESS_BILLED, TAKEN_BACK
from flybill_pipeline.billing.invoicing.returned_credits import AGAIN, BACK, LAPSED, RETURNED
from flybill_pipeline.billing.money.amounts import format_money
from flybill_pipeline.billing.money.decimals import exact
from flybill_pipeline.billing.money.period import last_day_of
from flybill_pipeline.billing.pricing.descriptions import SEPARATOR
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.pricing.portions import Portion
from flybill_pipeline.billing.words.sentence import Exact, Money, Quantity, Sentence, said
from flybill_pipeline.billing.words.working import active_time

_OFF = " off"
_DAYS = re.compile(r", from (\d{4}-\d\d-\d\d) to (\d{4}-\d\d-\d\d)$", re.ASCII)
"""How a line of just some days of the month ends: one of several prices, or of a contract that began."""

_OF_DAYS = re.compile(r"Minimum of [^(]* for (\d{1,2}) of (\d{2}) days", re.ASCII)
"""How the line of a minimum begins whose contract held for a part of the month."""


def line_words(line: LineItem) -> Sentence:
    """The line in words; of a kind that is not known here, or without parts, its description."""
    if line.meter is not None:
        return _adjusted(line, _usage(line))
    return KINDS.get(line.kind, _described)(line)


def places_of(lines: Iterable[LineItem]) -> dict[str, int]:
    """The numbers of the lines of a statement, by their ids; not of those that are just a difference."""
    return {line.line_id: number for number, line in enumerate(lines, start=1) if not _less_billed(line)}


def part_words(part: Portion) -> Sentence | str:
    """What a line is shown by: the values, which stay as they are, or what has none."""
    names = SEPARATOR.join(sorted(part.dimensions))
    return part.name if any(part.dimensions.values()) else said("without {names}", names=names)


def _described(line: LineItem) -> Sentence:
    return said("{description}", description=line.description)


def _usage(line: LineItem) -> Sentence:
    values = [value for _, value in sorted(line.dimensions.items()) if value]
    name = SEPARATOR.join([line.title or line.meter or "", *values])
    quantity = Quantity(line.quantity, line.unit or "")
    if found := _DAYS.search(_before_its_ending(line.description)):
        first, last = map(date.fromisoformat, found.groups())
        return said(
            "{name} · {quantity}, from {first} until {last}", name=name, quantity=quantity, first=first, last=last
        )
    return said("{name} · {quantity}", name=name, quantity=quantity)


def _before_its_ending(description: str) -> str:
    """A description without what is put to it where something was billed before; the month that it is of may follow."""
    for ending in (LESS_BILLED, TAKEN_BACK):
        description = description.rpartition(ending)[0] or description
    return description


def _less_billed(line: LineItem) -> bool:
    return any(step.step == "already_billed" for step in line.working)


def _adjusted(line: LineItem, what: Sentence) -> Sentence:
    if line.kind != ADJUSTMENT and not _less_billed(line):
        return what
    if [step.step for step in line.working] == ["already_billed"]:
        return said("{what}: taken back", what=what)
    return said("{what}: the difference to what was billed before", what=what)  # so are its quantity and its amount


def _plan(line: LineItem) -> Sentence:
    step, name = next(iter(line.working), None), line.dimensions.get("plan")
    if step is None or step.unit_amount is None or name is None:
        return _described(line)
    seats, price = Quantity(line.quantity, "seat"), Exact(step.unit_amount, line.currency)
    active, month = active_time(step), line.service_month
    if active is None or active == (month.start, month.end):
        return said("{name} · {seats} @ {price} a month", name=name, seats=seats, price=price)
    text = said("{name} · {seats} @ {price} a month, from {first} until {last}", name=name, seats=seats, price=price)
    return text.of(first=active[0].date(), last=last_day_of(active[1]))


def _adjustment(line: LineItem) -> Sentence:
    if any(step.step == "waived" for step in line.working):
        return said("Not given back: a part of this month was waived and never paid")
    if "plan" in line.dimensions:
        return _adjusted(line, _plan(line))
    if any(step.step == "minimum_spend" for step in line.working):
        return _adjusted(line, _true_up(line))
    before = _before_its_ending(line.description)
    return _described(line) if before == line.description else _adjusted(line, said("{name}", name=before))


def _true_up(line: LineItem) -> Sentence:
    step = next((step for step in line.working if step.limit is not None), None)
    if step is None or step.limit is None:
        return _described(line)
    with exact():
        used = step.limit - step.amount  # of an adjustment the line itself has less
    values = {"limit": Exact(step.limit, line.currency), "used": Exact(used, line.currency)}
    if found := _OF_DAYS.match(line.description):
        text = said("Minimum of {limit} for {days} of {of_days} days, {used} of it used")
        return text.of(**values, days=int(found[1]), of_days=int(found[2]))
    return said("Minimum of {limit} for the month, {used} of it used").of(**values)


def _carried(line: LineItem) -> Sentence:
    amount = Money(line.amount_minor, line.currency)
    return said("Carried over from earlier months: {amount}", amount=amount)


def _credit(line: LineItem) -> Sentence:
    name, found, _ = line.description.rpartition(": ")
    before = next((step.limit for step in line.working if step.limit is not None), None)
    if not found or before is None:
        return _described(line)
    with exact():
        left = Exact(before + line.amount, line.currency)
    return said("{name}: {left} left", name=name, left=left)


def _returned(line: LineItem) -> Sentence:
    name, found, _ = line.description.rpartition(": ")
    step = next((step.step for step in line.working if step.step in _RETURNED), None)
    if not found or step is None:
        return _described(line)
    amount = Money(abs(line.amount_minor), line.currency)
    return _RETURNED[step].of(name=name, amount=amount, month=line.service_month)


_RETURNED = {
    BACK: said("{name}: {amount} that it paid in {month} go back to it"),
    LAPSED: said("{name}: {amount} that it paid in {month} go back to it, and it has ended"),
    AGAIN: said("{name}: {amount} of {month} are paid by it again"),
}


def _discount(line: LineItem) -> Sentence:
    name, found, size = _before_its_ending(line.description).rpartition(": ")
    if not found or not size.endswith(_OFF):
        return _described(line)
    return _adjusted(line, _off(line, name, size))


def _off(line: LineItem, name: str, size: str) -> Sentence:
    of = size.removesuffix(_OFF)
    if of == format_money(abs(line.amount_minor), line.currency):
        return said("{name}: {amount} off", name=name, amount=Money(abs(line.amount_minor), line.currency))
    percent = of.removesuffix("%").rstrip()  # lines that were made before had a space between
    if percent == of or not percent.replace(".", "", 1).isdecimal():
        return said("{name}: a discount", name=name)
    return said("{name}: {percent}% off", name=name, percent=Decimal(percent))


KINDS: Mapping[str, Callable[[LineItem], Sentence]] = {
    "subscription": _plan,
    ADJUSTMENT: _adjustment,
    "true_up": _true_up,
    "carried_forward": _carried,
    "credit": _credit,
    RETURNED: _returned,
    "discount": _discount,
    "one_off": _described,
}
"""By the kind of a line that has no meter."""

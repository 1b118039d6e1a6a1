"""How an invoice's lines are cut for Stripe: rolled up when too many, in chunks for one call each. No sending here."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

from flybill_pipeline.billing.money.decimals import ZERO, exact
from flybill_pipeline.billing.pricing.descriptions import counted_in
from flybill_pipeline.billing.pricing.portions import portions_words, together
from flybill_pipeline.billing.sync.values import SyncLine
from flybill_pipeline.billing.usage.graphemes import cut, cut_short
from flybill_pipeline.billing.usage.texts import in_one_line

MOST_LINES = 250
"""Stripe's maximum of lines on one invoice."""
CHUNK = 100
"""Lines in one add_lines call: the server's own maximum is not documented, this is known to work."""

LONGEST_DESCRIPTION = 500
"""Characters of a line's description at Stripe."""

_LONGEST_VALUE = 80

Grouping = Callable[[SyncLine], Hashable]

_BY_METER: tuple[Grouping, ...] = (
    lambda line: (line.kind, line.meter, line.service_month),
    lambda line: (line.kind, line.meter),
    lambda line: (line.kind,),
)


def lines_for_stripe(lines: Sequence[SyncLine]) -> tuple[SyncLine, ...]:
    """The lines as Stripe gets them, in the order of the statement: all of them or, over 250, those that people know as
    one together.

    The sum is the same in every case; the detail stays in our own invoice, to which the description points.
    """
    return tuple(_told(group) for group in groups_for_stripe(lines))


def groups_for_stripe(lines: Sequence[SyncLine]) -> list[list[SyncLine]]:
    """The lines, those that share one line at Stripe together, in the order of Stripe's lines.

    Over 250 of them are rolled up by what tells most of them apart: an app's lines of each meter, or all of an app, or
    of a region; else the lines of each meter and service month, then coarser. An invoice stays as it was sent: one
    whose lines are older than their titles is rolled up by meters at once, as all were then.
    """
    if len(lines) <= MOST_LINES:
        return [[line] for line in lines]
    by_dimension = any(line.title for line in lines)
    for groupings in (_by_dimensions(lines) if by_dimension else (), *((each,) for each in _BY_METER)):
        fitting = [groups for groups in (_grouped(lines, each) for each in groupings) if len(groups) <= MOST_LINES]
        if fitting:
            return max(fitting, key=len)
    return _grouped(lines, _BY_METER[-1])


def _by_dimensions(lines: Sequence[SyncLine]) -> list[Grouping]:
    """By the values of one dimension, for each that there is: the lines of each meter apart, and together."""
    names = sorted({name for line in lines for name in line.dimensions})
    return [_by_value(name, meters_apart=apart) for apart in (True, False) for name in names]


def _by_value(name: str, *, meters_apart: bool) -> Grouping:
    """Lines without the dimension are by their meter."""

    def grouping(line: SyncLine) -> Hashable:
        value = line.dimensions.get(name)
        meter = line.meter if meters_apart or value is None else None
        return line.kind, line.service_month, value, meter

    return grouping


def _grouped(lines: Sequence[SyncLine], grouping: Grouping) -> list[list[SyncLine]]:
    groups: dict[Hashable, list[SyncLine]] = {}
    for line in lines:
        groups.setdefault(grouping(line), []).append(line)
    return list(groups.values())


def line_id_at_stripe(group: Sequence[SyncLine]) -> str:
    """Our id (metadata) of the Stripe line that a group of `groups_for_stripe` is."""
    return _rolled_up(group).line_id


def chunks(lines: Sequence[SyncLine]) -> list[Sequence[SyncLine]]:
    """The lines in the portions of the add_lines calls, in order."""
    return [lines[start : start + CHUNK] for start in range(0, len(lines), CHUNK)]


def chunk_step(number: int) -> str:
    """The step that sends this chunk."""
    return f"lines{number}"


def first_chunk(step: str | None) -> int:
    """The chunk to begin with when `step` was the last to be sent: that one again, under the same key."""
    return int(step.removeprefix("lines")) if step and step.startswith("lines") else 0


def next_chunk(lines: Sequence[SyncLine], present: Sequence[str]) -> int | None:
    """The first chunk that a draft still lacks, given the line ids it has; len(chunks(lines)) when it lacks none.

    None when what it has is not a whole number of our first chunks: then nothing can be added safely.
    """
    for count in range(len(chunks(lines)) + 1):
        if sorted(present) == sorted(line.line_id for line in lines[: count * CHUNK]):
            return count
    return None


def _told(group: Sequence[SyncLine]) -> SyncLine:
    """The line with what it is shown by, as far as there is room for it; whatever it is called, it is one line."""
    line = _rolled_up(group)
    text = in_one_line(line.description)
    shown = portions_words(line.portions, line.currency, LONGEST_DESCRIPTION - len(text))
    return replace(line, description=cut(text + shown, LONGEST_DESCRIPTION))


def _rolled_up(group: Sequence[SyncLine]) -> SyncLine:
    first = group[0]
    if len(group) == 1:
        return first
    months = sorted({line.service_month for line in group})
    period = str(months[0]) if len(months) == 1 else f"{months[0]} to {months[-1]}"
    return replace(
        first,
        line_id=f"rollup:{first.line_id}",
        service_month=months[-1],
        amount_minor=sum(line.amount_minor for line in group),
        description=f"{_what(group)}, {period}: {_used(group)}{len(group)} lines",
        portions=together([line.portions for line in group]),
    )


def _used(group: Sequence[SyncLine]) -> str:
    """How much it is together, where all lines are of one meter and in one unit."""
    first = group[0]
    if first.meter is None or first.unit is None or len({(line.meter, line.unit) for line in group}) > 1:
        return ""
    with exact():
        return f"{counted_in(first.unit, sum([line.quantity for line in group], ZERO))} in "


def _what(group: Sequence[SyncLine]) -> str:
    """What the lines of a group have in common, in words: their meter, and the values that all of them have."""
    first = group[0]
    meters = [first.title or first.meter] if len({line.meter for line in group}) == 1 else []
    shared = set(first.dimensions.items()).intersection(*(line.dimensions.items() for line in group))
    values = [cut_short(value, _LONGEST_VALUE) for _, value in sorted(shared) if value]
    return " · ".join([text for text in (*meters, *values) if text]) or first.kind.replace("_", " ")

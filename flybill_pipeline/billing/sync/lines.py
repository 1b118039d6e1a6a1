"""How an invoice's lines are cut for Stripe: rolled up when too many, in chunks for one call each. No sending here."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

from flybill_pipeline.billing.sync.values import SyncLine

MOST_LINES = 250
"""Stripe's maximum of lines on one invoice."""
CHUNK = 100
"""Lines in one add_lines call: the server's own maximum is not documented, this is known to work."""

_COARSER: tuple[Callable[[SyncLine], tuple[Hashable, ...]], ...] = (
    lambda line: (line.kind, line.meter, line.service_month),
    lambda line: (line.kind, line.meter),
    lambda line: (line.kind,),
)


def lines_for_stripe(lines: Sequence[SyncLine]) -> tuple[SyncLine, ...]:
    """The lines as Stripe gets them: all of them, or, over 250, one per meter and service month (then coarser).

    The sum is the same in every case; the detail stays in our own invoice, to which the description points.
    """
    return tuple(_rolled_up(group) for group in groups_for_stripe(lines))


def groups_for_stripe(lines: Sequence[SyncLine]) -> list[list[SyncLine]]:
    """The lines, those that share one line at Stripe together, in the order of Stripe's lines."""
    if len(lines) <= MOST_LINES:
        return [[line] for line in lines]
    for grouping in _COARSER:
        groups: dict[tuple[Hashable, ...], list[SyncLine]] = {}
        for line in lines:
            groups.setdefault(grouping(line), []).append(line)
        if len(groups) <= MOST_LINES:
            break
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


def _rolled_up(group: Sequence[SyncLine]) -> SyncLine:
    first = group[0]
    if len(group) == 1:
        return first
    what = first.title or first.meter or first.kind.replace("_", " ")
    months = sorted({line.service_month for line in group})
    period = str(months[0]) if len(months) == 1 else f"{months[0]} to {months[-1]}"
    return replace(
        first,
        line_id=f"rollup:{first.line_id}",
        service_month=months[-1],
        amount_minor=sum(line.amount_minor for line in group),
        description=f"{what}, {period}: {len(group)} lines, see the statement for each",
    )

"""What of payments of credits goes back to them as months are corrected, in plain arithmetic; nothing of the pipeline.

Organizations with credits have no plans that are billed ahead here: whatever is of a service month makes up for it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass
class Paid:
    """A settled month: by service month what it billed after discounts, what each credit paid of it, in their turn."""

    month: str
    billed: Mapping[str, int]
    uses: Mapping[str, int]
    carried: bool
    waived: int = 0
    back: Counter[str] = field(default_factory=Counter)


def goes_back(
    settled: Sequence[Paid], new: Mapping[str, int], left: Mapping[str, int]
) -> Iterator[tuple[Paid, str, int]]:
    """The payment, its credit, and how much goes back as `new` is billed; below zero what is paid by it again."""
    before, after, left = _kept(settled, {}), _kept(settled, new), dict(left)
    for paid in settled:
        for credit, used in paid.uses.items():
            stays, stayed = after[paid.month, credit], before[paid.month, credit]
            held = used - paid.back[credit]
            change = 0
            if stays < held:
                change = min(held, stayed) - stays if stays < stayed else 0
            elif stays > held and stays > stayed:
                change = -min(stays - held, stays - stayed, max(left[credit], 0))
            if change:
                left[credit] += change
                yield paid, credit, change


def _kept(settled: Sequence[Paid], new: Mapping[str, int]) -> dict[tuple[str, str], int]:
    """By month and credit what it goes on paying for, of what is still due: who was first is first."""
    due = {service: new.get(service, 0) for service in new}
    for paid in settled:
        for service, amount in paid.billed.items():
            due[service] = due.get(service, 0) + amount
        if paid.waived:  # of one service month here
            due[paid.month] = due.get(paid.month, 0) - paid.waived
    kept: dict[tuple[str, str], int] = {}
    over: dict[str, int] = {}
    for paid in settled:
        services = {*paid.billed, *over}
        room = {each: max(paid.billed.get(each, 0) + over.get(each, 0), 0) for each in services}
        for credit, used in paid.uses.items():
            wanted = used
            for service in sorted(room):
                part = max(min(wanted, room[service], due.get(service, 0)), 0)
                wanted, room[service], due[service] = wanted - part, room[service] - part, due.get(service, 0) - part
            kept[paid.month, credit] = used - wanted
        over = room if paid.carried else {}
    return kept

"""What people are shown of a bill by app, row by row: the largest, then the rest together. No adding up of a bill."""

from collections.abc import Iterator

from flybill_pipeline.billing.pricing.breakdowns import Breakdown
from flybill_pipeline.billing.words.sentence import Sentence, counted, said

MOST_SHOWN = 12


def heading(by: Breakdown) -> Sentence:
    """What it is by; its name is the one that the usage has."""
    return said("By {name}", name=by.name)


def breakdown_rows(by: Breakdown) -> Iterator[tuple[Sentence | str, int]]:
    """Each row with its minor units, which sum to the bill; a value that would be left out alone is shown as well."""
    shown = by.shares if len(by.shares) <= MOST_SHOWN + 1 else by.shares[:MOST_SHOWN]
    yield from ((each.name, each.amount_minor) for each in shown)
    if rest := by.shares[len(shown) :]:
        yield counted("{count} other", "{count} others", count=len(rest)), sum(each.amount_minor for each in rest)
    if by.without_minor:
        yield said("without {names}", names=by.name), by.without_minor
    if by.others_minor:
        yield said("Plans, credits and all else that is no usage"), by.others_minor

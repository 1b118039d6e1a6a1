"""Finds ids that stand on more than one day, so that each counts once. How rows are compared: not here."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from flybill_pipeline.billing.usage.files import EventKey

Exclusions = Mapping[date, Sequence[EventKey]]
"""Per day the ids that stand there too, but count on another day."""


class Lake(Protocol):
    """Compares rows over days."""

    def conflicts_over_days(self, pieces: Sequence[str]) -> Exclusions:
        """The ids of `pieces` that arrived first on another day, by the day that they must not count on."""


class Catalog(Protocol):
    """Knows all pieces, which of them were compared, and what came of it."""

    def working_on(self, what: str) -> AbstractContextManager[None]: ...
    def uncompared(self) -> Sequence[str]: ...
    def all_pieces(self) -> Sequence[str]: ...
    def compared(self, pieces: Sequence[str], exclusions: Exclusions) -> None: ...


@dataclass(frozen=True, slots=True)
class ComparisonReport:
    """How many ids stand on more than one day, and on how many days they are left out."""

    conflicts: int
    days: int


def compare_days(lake: Lake, catalog: Catalog) -> ComparisonReport | None:
    """Compares every id with those of all other days; None when nothing has come or gone since it was last done.

    The first to arrive stands, on its day; every other day leaves the id out when it is recorded next.
    """
    with catalog.working_on("comparison"):
        if not catalog.uncompared():
            return None
        pieces = catalog.all_pieces()
        exclusions = lake.conflicts_over_days(pieces)
        catalog.compared(pieces, exclusions)
    return ComparisonReport(sum(len(keys) for keys in exclusions.values()), len(exclusions))

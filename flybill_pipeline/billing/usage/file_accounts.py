"""The account of a landed file: what became of each record that was read, and of each event that it told of. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import groupby
from typing import Any


@dataclass(frozen=True, slots=True)
class FileAccount:
    """A file's records (`read` by its format's reader; `told`: events, left out or refused) and its events of a month.

    None where nobody counted them, of files that were read long ago. `waiting` events name an alias without an owner.
    A file that was replaced by a newer one of its whole period has its events among the `replaced`.
    """

    source: str
    path: str
    read: int | None = None
    told: int | None = None
    left_out: int = 0
    rejected: int = 0
    events: int = 0
    repeated: int = 0
    conflicting: int = 0
    replaced: int = 0
    too_large: int = 0
    waiting: int = 0
    counted: int = 0

    @property
    def missing(self) -> int:
        """Records and events that nobody accounts for: a fault of ours."""
        lost = 0 if self.read is None or self.told is None else self.read - self.told
        known = self.repeated + self.conflicting + self.replaced + self.too_large + self.waiting + self.counted
        return abs(lost) + abs(self.events - known)

    def as_row(self) -> dict[str, str]:
        """The account as text, for a table."""
        names = [each.name for each in fields(self) if each.name not in ("source", "path", "told")]
        counts = {name.replace("_", " "): f"{getattr(self, name) or 0:,}" for name in names}
        place = {"source": self.source, **({"file": self.path} if self.path else {})}
        return place | counts | {"missing": f"{self.missing:,}"}


def by_source(accounts: Iterable[FileAccount]) -> list[FileAccount]:
    """The accounts of each source's files as one, by its name."""
    ordered = sorted(accounts, key=lambda each: each.source)
    return [_sum(source, list(of_source)) for source, of_source in groupby(ordered, key=lambda each: each.source)]


def _sum(source: str, accounts: Sequence[FileAccount]) -> FileAccount:
    names = [each.name for each in fields(FileAccount) if each.name not in ("source", "path")]
    sums: dict[str, Any] = {name: sum(getattr(each, name) or 0 for each in accounts) for name in names}
    return FileAccount(source, "", **sums)

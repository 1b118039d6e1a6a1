"""Whose usage it is where a source names an account, a host or a key: an alias of an organization, for a time. Pure.

Usage of an alias that belongs to nobody yet waits under a name of its own, so that it is held and never lost.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby, pairwise
from unicodedata import category, normalize

EVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Before any usage: where a period without a beginning begins."""
WAITING = "alias:"
"""What the name begins with under which usage of an alias waits; no organization is called so."""


@dataclass(frozen=True, slots=True, order=True)
class AliasPeriod:
    """An alias of a source (its id) belongs to an organization from `start` on, until `end`; None: without an end."""

    source: str
    alias: str
    start: datetime
    end: datetime | None
    org_id: str

    def within(self, start: datetime, end: datetime) -> "AliasPeriod":
        """The part of it between two times, in which it has some."""
        ends = end if self.end is None else min(end, self.end)
        return AliasPeriod(self.source, self.alias, max(start, self.start), ends, self.org_id)

    def described(self) -> str:
        """Whose it is, and when, for a person."""
        since = "" if self.start == EVER else f" from {_shown(self.start)}"
        return f"{self.org_id}{since}{'' if self.end is None else f' until {_shown(self.end)}'}"


def waiting_id(source: str, alias: str) -> str:
    """The name under which usage of the alias waits for an organization."""
    return f"{WAITING}{source}/{alias}"


def waiting_alias(org_id: str) -> tuple[str, str] | None:
    """Source and alias behind the name under which usage waits; None where it is the id of an organization."""
    if not org_id.startswith(WAITING):
        return None
    source, _, alias = org_id.removeprefix(WAITING).partition("/")
    return source, alias


def overlapping(periods: Iterable[AliasPeriod]) -> Iterator[tuple[AliasPeriod, AliasPeriod]]:
    """The periods of one alias that begin before the one before them has ended, each with that one."""
    for _, of_alias in groupby(sorted(periods, key=_place), key=lambda each: (each.source, each.alias)):
        for one, other in pairwise(of_alias):
            if one.end is None or one.end > other.start:
                yield one, other


def remarks(waiting: Iterable[str], of_source: Iterable[AliasPeriod]) -> dict[str, str]:
    """What to say of aliases that belong to nobody at their time: whose each is at other times, or what is like it.

    Nothing of one to which no alias of its source is alike.
    """
    alike = defaultdict[str, list[AliasPeriod]](list)
    for period in sorted(of_source, key=_place):
        alike[_folded(period.alias)].append(period)
    return {alias: _remark(alias, alike[_folded(alias)]) for alias in waiting if _folded(alias) in alike}


def _remark(alias: str, alike: Sequence[AliasPeriod]) -> str:
    if same := [each.described() for each in alike if each.alias == alias]:
        return f"at other times it belongs to {' and to '.join(same)}"
    return f"{alike[0].alias!a}, which is written nearly so, belongs to {alike[0].org_id}"


def _folded(alias: str) -> str:
    """The same for aliases that differ in capitals, in blanks, or in characters that look the same or are not seen."""
    seen = [each for each in normalize("NFKC", alias) if category(each) != "Cf"]
    return "".join("".join(seen).casefold().split())


def _place(period: AliasPeriod) -> tuple[str, str, datetime]:
    return period.source, period.alias, period.start


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}" if moment.time() == EVER.time() else moment.strftime("%Y-%m-%dT%H:%M:%SZ")

"""Publishes the lake: its open tables become what the ledger says. Decides nothing, and no bill waits for it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import count
from typing import Protocol

from flybill_pipeline.billing.money.period import Month

Files = Mapping[str, int | None]
"""Path below the lake → size."""


class Ledger(Protocol):
    """What counts, by the database."""

    def compiled(self) -> Mapping[date, str]: ...
    def days(self, versions: Mapping[date, str]) -> Mapping[str, Files]: ...
    def rejects(self) -> Files: ...


class PricedMonths(Protocol):
    """What finalized invoices were priced from: the month and the name of it, in the order of the first invoice."""

    def all(self) -> Sequence[tuple[Month, str]]: ...
    def days(self, priced_from: str) -> Mapping[date, str]: ...


class Tables(Protocol):
    """The tables; each changes in one commit."""

    def opened(self) -> AbstractContextManager[None]: ...
    def bring(self, name: str, files: Files) -> int: ...
    def tagged(self) -> Mapping[str, str]: ...
    def tag(self, name: str, priced_from: str, days: Mapping[str, Files]) -> None: ...
    def keep_small(self, now: datetime) -> int: ...


class Lock(Protocol):
    """Lets one process publish at a time."""

    def working_on(self, what: str) -> AbstractContextManager[None]: ...


@dataclass(frozen=True, slots=True)
class PublishReport:
    """Table → how many files went and came; the tags that are new; how many old files of metadata went, and how many
    that were kept of usage and that no month needs. `sent_again`: what a bucket had lost.
    """

    changed: Mapping[str, int] = field(default_factory=dict)
    tagged: Sequence[str] = ()
    swept: int = 0
    swept_kept: int = 0
    sent_again: int = 0


def publish_lake(tables: Tables, ledger: Ledger, priced: PricedMonths, lock: Lock, now: datetime) -> PublishReport:
    """Brings each table to what the ledger says, totals last; then keeps what months were priced from by a tag.

    May be killed and run again at any time: what is there is compared with what is to be there.
    """
    with lock.working_on("publication"), tables.opened():
        wanted = {"rejected": ledger.rejects(), **ledger.days(ledger.compiled())}
        changed = {name: tables.bring(name, files) for name, files in wanted.items()}
        tagged = _tag(tables, ledger, priced)
        return PublishReport(changed, tagged, tables.keep_small(now))


def _tag(tables: Tables, ledger: Ledger, priced: PricedMonths) -> list[str]:
    """A month has one tag, and one more for each time that late invoices of it were priced from other usage."""
    kept, new = tables.tagged(), list[str]()
    names = set(kept.values())
    for month, priced_from in priced.all():
        if priced_from not in kept:
            name = next(free for free in _names(month) if free not in names)
            tables.tag(name, priced_from, ledger.days(priced.days(priced_from)))
            names.add(name)
            new.append(name)
    return new


def _names(month: Month) -> Iterator[str]:
    yield str(month)
    yield from (f"{month}-{nth}" for nth in count(2))

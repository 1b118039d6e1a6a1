"""Looks at what the sources delivered: bad rows, silence, unusual volume. Only tells; stops nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

from flybill_pipeline.billing.usage.history import is_unusual, silent_days, usual

WINDOW = timedelta(days=7)
TOLERATED, ALARMING = Decimal("0.001"), Decimal("0.05")
"""The share of a source's rows that may be in quarantine, and the one above which something is broken."""

HISTORY_DAYS = 28
UNUSUAL_VOLUME = 4
"""So many times the usual rows of a day, or less than that part of them, is unusual."""


class Arrivals(Protocol):
    """What came, by source."""

    def quarantined(self, since: datetime) -> Sequence[Mapping[str, Any]]: ...
    def broken(self) -> Sequence[Mapping[str, Any]]: ...
    def rows_by_day(self, first: date, last: date) -> Mapping[str, Mapping[date, int]]: ...


@dataclass(frozen=True, slots=True)
class BadRows:
    """Per source the share of rows in quarantine over the last days, and the files that could not be read."""

    sources: Sequence[Mapping[str, Any]]
    broken: Sequence[Mapping[str, Any]]
    worst: Decimal

    @property
    def tolerable(self) -> bool:
        return not self.broken and self.worst <= TOLERATED

    @property
    def alarming(self) -> bool:
        return bool(self.broken) or self.worst > ALARMING


def bad_rows(arrivals: Arrivals, now: datetime) -> BadRows:
    """What arrived badly in the last seven days."""
    by_source = arrivals.quarantined(now - WINDOW)
    shares = [_share(each["in quarantine"], each["rows"]) for each in by_source]
    sources = [{**each, "share": f"{share:.2%}"} for each, share in zip(by_source, shares, strict=True)]
    return BadRows(sources, arrivals.broken(), max(shares, default=Decimal(0)))


def _share(bad: int, good: int) -> Decimal:
    return Decimal(bad) / (bad + good) if bad else Decimal(0)


def silent_sources(arrivals: Arrivals, now: datetime) -> list[dict[str, Any]]:
    """Days for which a source that delivers daily sent nothing: of the last four weeks, but for the last two days."""
    last = now.date() - timedelta(days=2)
    first = last - timedelta(days=HISTORY_DAYS)
    delivered = arrivals.rows_by_day(first - WINDOW, last)
    silences = []
    for source in sorted(delivered):
        silent = silent_days(delivered[source], first, last)
        if silent:
            newest = max(delivered[source])
            silences.append({"source": source, "silent days": ", ".join(map(str, silent)), "newest usage": str(newest)})
    return silences


def unusual_volume(arrivals: Arrivals, day: date) -> list[dict[str, Any]]:
    """The sources whose number of rows on a day is unusual beside those of the four weeks before."""
    delivered = arrivals.rows_by_day(day - timedelta(days=HISTORY_DAYS), day)
    unusual = []
    for source, rows in sorted(delivered.items()):
        today = rows.get(day, 0)
        history = [count for other, count in rows.items() if other < day]
        if is_unusual(today, history, UNUSUAL_VOLUME):
            unusual.append({"source": source, "rows": today, "usual rows of a day": usual(history)})
    return unusual

"""What of the landed usage does not count, or not yet. Why a row is bad, and which of two rows counts, stores know."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.usage.aliases import remarks
from flybill_pipeline.stores.usage.lake.ownership import LakeError
from flybill_pipeline.toolbox.tools import Toolbox

if TYPE_CHECKING:  # `flybill status` must not wait for DuckDB
    from flybill_pipeline.stores.usage.lake.lake import BadRow
    from flybill_pipeline.stores.usage.lake.left_out import Conflict, WaitingAlias

EVER = datetime.min.replace(tzinfo=UTC)


class UnknownSourceError(Exception):
    """The source mapping has no source of that name; the message says which it has."""


@dataclass(frozen=True, slots=True)
class UnreadableFile:
    """A landed file that cannot be read at all, so nothing in it counts."""

    source: str
    file: str
    what_happened: str
    what_to_do: str


@dataclass(frozen=True, slots=True)
class RejectedUsage:
    """Files that cannot be read at all, files that are `unread` yet, and rows of the others that do not count.

    Usage of the days `unrecorded` was read, and is not in what the month is priced from yet.
    `bad_rows` are in quarantine, or their sum is too large; of them `bad_totals` are of tables in
    engines, and each is of all rows that are alike. `repeats` say what a row before them says. `conflicts` have
    the id of a row before them, and other content. Rows that are `left_out` are no usage; `replaced` ones are restated.
    `rows` and `conflicting` are the first of them, the newest first; empty where only numbers were asked for. Events of
    the aliases `waiting` count once somebody owns these; `remarks` say of a source and alias what is like it.
    Some of them waited for so long that the next close has to look back by `lookback_for_all` months to bill all.
    """

    files: Sequence[UnreadableFile]
    unread: int
    bad_rows: int
    repeats: int
    conflicts: int
    left_out: int = 0
    replaced: int = 0
    unrecorded: Sequence[date] = ()
    waiting: "Sequence[WaitingAlias]" = ()
    remarks: Mapping[tuple[str, str], str] = field(default_factory=dict)
    lookback_for_all: int | None = None
    rows: "Sequence[BadRow]" = ()
    conflicting: "Sequence[Conflict]" = ()
    bad_totals: int = 0

    @property
    def events_waiting(self) -> int:
        """How many events name an alias that belongs to nobody."""
        return sum(each.events for each in self.waiting)


def rejected_in(tools: Toolbox, month: Month) -> RejectedUsage:
    """The numbers for a month: files as they are now, bad rows that arrived since it began, other rows of its days."""
    bad = tools.usage_health.quarantined(month.start)
    left_out = tools.usage_health.left_out(month.first_day, month.last_day)
    return RejectedUsage(
        files=_files(tools),
        unread=len(tools.unread_files()),
        unrecorded=tools.unrecorded_days(month),
        bad_rows=_count(bad) + left_out["too_large"],
        bad_totals=_of_tables(tools, bad),
        repeats=left_out["repeats"],
        conflicts=left_out["conflicts"],
        left_out=tools.usage_health.no_usage(month.start),
        replaced=left_out["replaced"],
        waiting=tools.left_out.waiting(month.days()) if left_out["waiting"] else (),
    )


def rejected_usage(tools: Toolbox, name: str | None, limit: int) -> RejectedUsage:
    """All that was ever rejected of one source, or of all (None); up to `limit` rows. Raises UnknownSourceError."""
    source = None if name is None else _id_of(tools, name)
    bad = [each for each in tools.usage_health.quarantined(EVER) if source in (None, each["source"])]
    rows = tools.lake.quarantine(source, newest_first=True)
    left_out = tools.usage_health.left_out() if source is None else tools.left_out.counts(source)
    waiting = tools.left_out.waiting(source=source)
    return RejectedUsage(
        files=[each for each in _files(tools) if source in (None, each.source)],
        unread=len(tools.unread_files(source)),
        bad_rows=_count(bad) + left_out["too_large"],
        bad_totals=_of_tables(tools, bad),
        repeats=left_out["repeats"],
        conflicts=left_out["conflicts"],
        left_out=tools.usage_health.no_usage(EVER, source),
        replaced=left_out["replaced"],
        waiting=waiting,
        remarks=_remarks(tools, waiting),
        lookback_for_all=lookback_for(tools, waiting),
        rows=list(islice(chain(rows, tools.left_out.too_large(source)), limit)),
        conflicting=tools.left_out.conflicts(source, limit),
    )


def lookback_for(tools: Toolbox, waiting: "Collection[WaitingAlias]") -> int | None:
    """How many months the next close has to look back to bill late all usage that waits.

    None where as many as it does look back are enough. A month that nobody closed yet bills its usage itself.
    """
    first, running = tools.open_months.first() if waiting else None, Month.of(tools.now())
    if first is None:
        return None
    ahead = {*tools.open_months.before(running), running}
    months = {month for each in waiting for month in _months(max(Month.of(each.first_day), first), each.last_day)}
    needed = max((_months_to(ahead, month) for month in months - ahead if month < running), default=0)
    return needed if needed > tools.lookback_months else None


def _months(month: Month, last: date) -> Iterator[Month]:
    while month.first_day <= last:
        yield month
        month = month.next()


def _months_to(ahead: Collection[Month], month: Month) -> int:
    """How far the first of the months `ahead` is from a month before it."""
    closes, passed = month.next(), 1
    while closes not in ahead:
        closes, passed = closes.next(), passed + 1
    return passed


def waited_too_long(tools: Toolbox) -> int | None:
    """The same for usage that waited by what was recorded last, and whose alias has an owner by now.

    None, too, where the lake cannot be read: the aliases are stored all the same, which must not look like a failure.
    """
    try:
        waiting = tools.left_out.waiting()
    except LakeError:
        return None
    sources = {each.source for each in waiting}
    owned = {(source, period.alias) for source in sources for period in tools.lake.aliases.of_source(source)}
    return lookback_for(tools, [each for each in waiting if (each.source, each.alias) in owned])


def _remarks(tools: Toolbox, waiting: "Sequence[WaitingAlias]") -> Mapping[tuple[str, str], str]:
    return {
        (source, alias): said
        for source in {each.source for each in waiting}
        for alias, said in remarks(
            [each.alias for each in waiting if each.source == source], tools.lake.aliases.of_source(source)
        ).items()
    }


def _id_of(tools: Toolbox, name: str) -> str:
    """The id under which the usage of a source is kept, which may be named by either."""
    sources = tools.sources
    if name in sources:
        return sources[name].key
    if any(name == source.key for source in sources.values()):
        return name
    raise UnknownSourceError(f"there is no source {name!r}; sources.toml has {', '.join(sources)}")


def _of_tables(tools: Toolbox, of_sources: Sequence[dict[str, Any]]) -> int:
    keys = {source.key for source in tools.sources.values() if source.table is not None}
    return _count([each for each in of_sources if each["source"] in keys])


def _count(of_sources: Sequence[dict[str, Any]]) -> int:
    return sum(each["in quarantine"] for each in of_sources)


def _files(tools: Toolbox) -> list[UnreadableFile]:
    return [
        UnreadableFile(each["source"], each["file"], each["what happened"] or "", each["what to do"] or "")
        for each in tools.usage_health.broken()
    ]

"""What of the landed usage does not count because it cannot be read. Why a row is bad, the stores know."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from flybill_pipeline.toolbox.tools import Toolbox

if TYPE_CHECKING:  # `flybill status` must not wait for DuckDB
    from flybill_pipeline.stores.usage.lake.lake import BadRow

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
    """Files that cannot be read at all, and how many bad rows there are in the others.

    `rows` are the first of them, the newest file's first; empty where only numbers were asked for.
    """

    files: Sequence[UnreadableFile]
    bad_rows: int
    rows: "Sequence[BadRow]" = ()


def rejected_since(tools: Toolbox, since: datetime) -> RejectedUsage:
    """The files that cannot be read, and the number of bad rows in what arrived since then."""
    bad = tools.usage_health.quarantined(since)
    return RejectedUsage(_files(tools), _count(bad))


def rejected_usage(tools: Toolbox, source: str | None, limit: int) -> RejectedUsage:
    """All that was ever rejected of one source, or of all (None); up to `limit` rows. Raises UnknownSourceError."""
    if source not in (None, *tools.landing.sources):
        raise UnknownSourceError(f"there is no source {source!r}; sources.toml has {', '.join(tools.landing.sources)}")
    bad = [each for each in tools.usage_health.quarantined(EVER) if source in (None, each["source"])]
    files = [each for each in _files(tools) if source in (None, each.source)]
    rows = islice(tools.lake.quarantine(source, newest_first=True), limit)
    return RejectedUsage(files, _count(bad), list(rows))


def _count(of_sources: Sequence[dict[str, Any]]) -> int:
    return sum(each["in quarantine"] for each in of_sources)


def _files(tools: Toolbox) -> list[UnreadableFile]:
    return [
        UnreadableFile(each["source"], each["file"], each["what happened"] or "", each["what to do"] or "")
        for each in tools.usage_health.broken()
    ]

"""What of the landed usage does not count because it cannot be read. Why a row is bad, the stores know."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # `flybill owes` must not wait for DuckDB
    from flybill_pipeline.stores.usage.lake.lake import BadRow
    from flybill_pipeline.toolbox.tools import Toolbox

EVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Files that cannot be read at all (file, what happened, what to do), and how many bad rows there are.

    `rows` are the first of them, the newest file's first; empty where only numbers were asked for.
    """

    files: Sequence[dict[str, Any]]
    bad_rows: int
    rows: "Sequence[BadRow]" = ()


def count(tools: "Toolbox", since: datetime) -> Quarantine:
    """The files that cannot be read, and the number of bad rows in what arrived since then."""
    bad = tools.usage_health.quarantined(since)
    return Quarantine(tools.usage_health.broken(), sum(each["in quarantine"] for each in bad))


def look(tools: "Toolbox", source: str | None, limit: int) -> Quarantine:
    """Everything of one source, or of all; up to `limit` rows."""
    bad = [each for each in tools.usage_health.quarantined(EVER) if source in (None, each["source"])]
    files = [each for each in tools.usage_health.broken() if source in (None, each["source"])]
    rows = islice(tools.lake.quarantine(source, newest_first=True), limit)
    return Quarantine(files, sum(each["in quarantine"] for each in bad), list(rows))

"""What of the landed usage does not count because it cannot be read: how it is shown. Why a row is bad: the stores."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from flybill_pipeline.cli.render.console import out

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


def show_count(found: Quarantine) -> None:
    """One line, when there is anything to say."""
    files, rows = len(found.files), found.bad_rows
    said = [f"{files} file{'s' if files > 1 else ''} cannot be read"] if files else []
    said += [f"{rows:,} row{'s are' if rows > 1 else ' is'} in quarantine"] if rows else []
    if said:
        out.print(f"[yellow]usage that does not count[/yellow]: {', '.join(said)}; `flybill quarantine` names them")


def show(found: Quarantine) -> None:
    """Every file with what to do about it, then the rows."""
    for each in found.files:
        out.print(f"[red]{escape(each['file'])}[/red] cannot be read")
        out.print(f"  what happened: {escape(each['what happened'])}")
        out.print(f"  what to do:    {escape(each['what to do'])}")
    for row in found.rows:
        out.print(f"{escape(row.file)} row {row.row}: {escape(row.message)} ({row.reason})")
    if found.bad_rows > len(found.rows):
        out.print(f"… and {found.bad_rows - len(found.rows):,} more rows: --limit shows more")
    if found.bad_rows:
        out.print("To bill them: mend the exporter or the source mapping, and land the rows again in a new file.")
    if not found.files and not found.bad_rows:
        out.print("Every row of every file that was read counts, or is a repetition of one that does.")


def data(found: Quarantine) -> dict[str, Any]:
    """The JSON of `flybill quarantine`."""
    return {**count_data(found), "rows": [row._asdict() for row in found.rows]}


def count_data(found: Quarantine) -> dict[str, Any]:
    """The member `usage` of `flybill status --json`."""
    files = [{name.replace(" ", "_"): said for name, said in each.items()} for each in found.files]
    return {"broken_files": files, "rows_in_quarantine": found.bad_rows}

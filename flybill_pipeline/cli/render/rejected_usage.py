"""How usage that does not count is told: a line in `status`, all of it in `quarantine`, and its JSON."""

from dataclasses import asdict
from typing import Any

from flybill_pipeline.cli.render import screen
from flybill_pipeline.questions.rejected_usage import RejectedUsage


def show_count(rejected: RejectedUsage) -> None:
    """One line, when there is anything to say."""
    files, rows = len(rejected.files), rejected.bad_rows
    parts = [f"{files} file{'s' if files > 1 else ''} cannot be read"] if files else []
    parts += [f"{rows:,} row{'s are' if rows > 1 else ' is'} in quarantine"] if rows else []
    if parts:
        named = f": {', '.join(parts)}; `flybill quarantine` names them"
        screen.line(screen.warning("usage that does not count"), named)


def show_rejected(rejected: RejectedUsage) -> None:
    """Every file with what to do about it, then the rows."""
    for each in rejected.files:
        screen.line(screen.bad(each.file), " cannot be read")
        screen.fields({"what happened": each.what_happened, "what to do": each.what_to_do})
    for row in rejected.rows:
        screen.line(f"{row.file} row {row.row}: {row.message} ({row.reason})")
    if rejected.bad_rows > len(rejected.rows):
        screen.line(f"… and {rejected.bad_rows - len(rejected.rows):,} more rows: --limit shows more")
    if rejected.bad_rows:
        screen.line("To bill them: mend the exporter or the source mapping, and land the rows again in a new file.")
    if not rejected.files and not rejected.bad_rows:
        screen.line("Every row of every file that was read counts, or is a repetition of one that does.")


def rejected_data(rejected: RejectedUsage) -> dict[str, Any]:
    """The JSON of `flybill quarantine`."""
    return {**count_data(rejected), "rows": [row._asdict() for row in rejected.rows]}


def count_data(rejected: RejectedUsage) -> dict[str, Any]:
    """The member `usage` of `flybill status --json`."""
    return {"broken_files": [asdict(each) for each in rejected.files], "rows_in_quarantine": rejected.bad_rows}

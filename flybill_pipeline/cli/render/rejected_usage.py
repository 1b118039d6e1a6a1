"""How the usage that does not count is shown, and its JSON. Why a row is bad: the stores."""

from typing import Any

from rich.markup import escape

from flybill_pipeline.cli.render.console import out
from flybill_pipeline.questions.rejected_usage import Quarantine


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

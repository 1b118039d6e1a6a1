"""How runs that ended badly look. Alone, so that no command waits for what `status` shows beside."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flybill_pipeline.cli.render import screen

if TYPE_CHECKING:  # importing Dagster takes longer than answering `flybill owes`
    from flybill_pipeline.operating.runs import FailedRun


def show_failed_runs(failed: Sequence["FailedRun"]) -> None:
    """The runs that ended badly, once for each reason."""
    reasons: dict[str, list[str]] = {}
    for run in failed:
        reasons.setdefault(run.reason, []).append(f"{run.job} {run.partition or ''}".strip())
    for reason, runs in reasons.items():
        more = f" and {len(runs) - 1} more" if len(runs) > 1 else ""
        screen.error(screen.bad("failed:"), f" {runs[0]}{more}: {reason}")


def show_unpublished(run: "FailedRun") -> None:
    """Why the open tables of the lake are behind; it keeps no bill from being right."""
    screen.error(
        screen.bad("not published:"),
        f" the lake's open tables are not up to date: {run.reason}. No bill waits for them: the next close publishes "
        "them, or the schedule publish_open_lake does within an hour",
    )

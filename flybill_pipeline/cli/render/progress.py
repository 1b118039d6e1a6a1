"""How progress looks: a bar for each stage on a terminal, a line for each elsewhere. Who reports: the callers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flybill_pipeline.billing.alerts.plain import visible
from flybill_pipeline.cli.render import screen

if TYPE_CHECKING:  # importing Dagster takes longer than answering `flybill owes`
    from flybill_pipeline.operating.runs import Progress as Report


@contextmanager
def progress_bars() -> Iterator["Report"]:
    """Yields a callback that draws one bar for each stage on a terminal, and prints one line for each elsewhere."""
    if not screen.err.is_terminal:
        yield _plain_progress
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    stage_name = TextColumn("{task.description:<45}", markup=False)
    columns = (stage_name, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=screen.err) as bars:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(visible(stage), total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield report


def _plain_progress(stage: str, done: int, total: int) -> None:
    if done == total:
        screen.error(f"{stage}: {done} of {total}")

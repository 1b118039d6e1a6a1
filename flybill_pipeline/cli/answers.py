"""How a command answers: as text or as JSON, and with which exit status. How each answer looks: `render`."""

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.cli.render import screen

if TYPE_CHECKING:
    from flybill_pipeline.operating.runs import Runner

as_json = click.option("--json", "json_wanted", is_flag=True, help="Print JSON instead of text.")


def finish(
    runner: "Runner",
    month: Month,
    json_wanted: bool,
    org_ids: tuple[str, ...] = (),
    through: Sequence[Month] | None = None,
) -> None:
    """Shows where the month stands, and exits with 1 unless it, or what was asked for of it, is done and the same in
    Stripe's own list.

    Of the months `through` another one each is shown with its bills alone, but for the last one.
    """
    from flybill_pipeline.cli.render.failed_runs import show_failed_runs, show_unpublished
    from flybill_pipeline.cli.render.month_status import overview_data, show_bills, show_overview
    from flybill_pipeline.questions.month_status import month_status

    answers = [month_status(runner.toolbox, each) for each in through or [month]]
    data = [overview_data(answer) for answer in answers]

    def sentences() -> None:
        for answer in answers[:-1]:
            show_bills(answer.bills)
        show_overview(answers[-1])

    show(json_wanted, data[0] if through is None else data, sentences)
    show_failed_runs(runner.failed)
    if runner.unpublished is not None:
        show_unpublished(runner.unpublished)
    sys.exit(1 if any(each.is_incomplete(org_ids) for each in answers) or runner.failed else 0)


def show(json_wanted: bool, data: Any, text: Callable[[], None]) -> None:
    """Prints the answer as JSON or as text."""
    if json_wanted:
        screen.json_document(data)
    else:
        text()

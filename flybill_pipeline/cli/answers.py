"""How a command answers: as text or JSON, and with which exit status. What is said, console.py knows."""

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.cli.render import console
from flybill_pipeline.cli.render import payments as payment_console
from flybill_pipeline.cli.render import rejected_usage as shown_usage
from flybill_pipeline.cli.render import sync_progress as shown_sync
from flybill_pipeline.questions import rejected_usage as quarantine
from flybill_pipeline.questions import sync_progress as syncing
from flybill_pipeline.stores.payments.statements import MonthStatus

if TYPE_CHECKING:
    from flybill_pipeline.operating.runs import Runner
    from flybill_pipeline.stores.payments.statements import MonthStatus
    from flybill_pipeline.toolbox.tools import Toolbox

as_json = click.option("--json", "json_wanted", is_flag=True, help="Print JSON instead of text.")


def finish(runner: "Runner", month: Month, json_wanted: bool, org_ids: tuple[str, ...] = ()) -> None:
    """Shows where the month stands, and exits with 1 unless it, or what was asked for of it, is done."""
    answer = show_month(runner.toolbox, month, json_wanted)
    console.show_failed_runs(runner.failed)
    failures = [failure for failure in answer.failures if not org_ids or failure.org_id in org_ids]
    sys.exit(1 if failures or runner.failed else 0)


def show_month(tools: "Toolbox", month: Month, json_wanted: bool) -> MonthStatus:
    """Shows where the month stands, what its sync is doing and what became of its invoices; returns the first."""
    answer, sync = tools.statements.month(month), syncing.look(tools, month)
    payments, usage = tools.payments.of_month(month, tools.now()), quarantine.count(tools, month.start)

    def text() -> None:
        console.show_status(answer)
        shown_usage.show_count(usage)
        shown_sync.show(sync)
        payment_console.show_payments(payments)

    more = {
        "usage": shown_usage.count_data(usage),
        **shown_sync.data(sync),
        "payments": payment_console.payments_data(payments),
    }
    show(json_wanted, console.status_data(answer) | more, text)
    return answer


def show(json_wanted: bool, data: Any, text: Callable[[], None]) -> None:
    """Prints the answer as JSON or as text."""
    if json_wanted:
        click.echo(json.dumps(data, indent=2, default=str))
    else:
        text()

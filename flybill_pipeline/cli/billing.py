"""The commands that bill: close a month, mend what is left of it, credit, read payments. They decide nothing."""

import sys
from datetime import UTC, datetime

import click

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.cli.answers import as_json, finish, show
from flybill_pipeline.cli.arguments import MONTH, NUMBER, login_name, months_through, require_billable
from flybill_pipeline.cli.render.failed_runs import show_failed_runs
from flybill_pipeline.cli.render.progress import progress_bars
from flybill_pipeline.cli.sessions import running, toolbox, usable_settings


@click.command()
@click.argument("month", type=MONTH)
@click.option("--org", "org_ids", multiple=True, help="Only this organization; may be repeated.")
@click.option("--through", type=MONTH, help="Then the months after it, up to this one. Their JSON is a list.")
@as_json
def close(month: Month, org_ids: tuple[str, ...], through: Month | None, json_wanted: bool) -> None:
    """Ingest what is landed, then price, finalize, sync and reconcile MONTH. Safe to repeat at any time."""
    require_billable(month)
    months = [month] if through is None else months_through(month, through)
    with running(org_ids) as runner:
        with progress_bars() as progress:
            runner.ingest(progress)
            for each in months:
                runner.close(each, org_ids, progress)
                runner.reconcile(each, progress)
            runner.send()
            runner.publish(progress)
        finish(runner, month, json_wanted, through=months if through else None)


@click.command()
@click.argument("month", type=MONTH)
@click.option("--org", "org_ids", multiple=True, required=True, help="An organization; may be repeated.")
@as_json
def repair(month: Month, org_ids: tuple[str, ...], json_wanted: bool) -> None:
    """Ingest what is landed, then run the MONTH of single organizations again, after what kept them was mended."""
    require_billable(month)
    with running(org_ids) as runner:
        with progress_bars() as progress:
            runner.ingest(progress)
            runner.repair(month, org_ids, progress)
            runner.reconcile(month, progress)
            runner.send()
        finish(runner, month, json_wanted, org_ids)


@click.command()
@click.argument("month", type=MONTH)
@click.option("--org", required=True, help="The organization whose month is held.")
@click.option("--by", required=True, help="Who looked at it.")
@click.option("--reason", required=True, help="Why it is right as it is.")
@as_json
def release(month: Month, org: str, by: str, reason: str, json_wanted: bool) -> None:
    """Bill a held MONTH as it is, after a person looked at an unusual total or a large credit. Kept in the audit."""
    from flybill_pipeline.billing.invoicing.outcomes import RELEASABLE

    with running([org]) as runner:
        runner.toolbox.holds.release(month, org, by, reason, RELEASABLE, datetime.now(UTC))
        with progress_bars() as progress:
            runner.ingest(progress)
            runner.repair(month, [org], progress)
            runner.reconcile(month, progress)
            runner.send()
        finish(runner, month, json_wanted, (org,))


@click.command()
@click.argument("org")
@click.argument("month", type=MONTH)
@click.option("--line", required=True, type=NUMBER, help="The line, counted from 1 as in `flybill owes`.")
@click.option("--amount", required=True, help="In the invoice's currency, such as 12.50.")
@click.option("--reason", required=True, help="Why; the customer reads it too.")
@click.option("--by", help="Who decided it. Default: your login name.")
@click.option(
    "--nth",
    default=1,
    show_default=True,
    type=NUMBER,
    help="2: a second credit just like the first.",
)
@as_json
def credit(
    org: str, month: Month, line: int, amount: str, reason: str, by: str | None, nth: int, json_wanted: bool
) -> None:
    """Credit a part of a LINE of ORG's invoice of MONTH, here and in Stripe. Safe to repeat: it is credited once.

    An open invoice asks for less; what was paid already goes to the customer's balance, which the next invoice uses.
    """
    from flybill_pipeline.billing.payments.credit_notes import CreditRequest
    from flybill_pipeline.cli.render.credit_notes import credited_data, show_credited
    from flybill_pipeline.questions.credited import credited

    request = CreditRequest(org, month, line, amount, reason, login_name() if by is None else by, nth)
    with toolbox(usable_settings(), stripe=True) as tools:
        answer = credited(tools, request)
    show(json_wanted, credited_data(answer), lambda: show_credited(answer))
    sys.exit(0 if answer.done else 1)


@click.command()
@as_json
def payments(json_wanted: bool) -> None:
    """Read what became of the invoices at Stripe: paid, failed, voided, disputed. Safe to repeat at any time."""
    from flybill_pipeline.cli.render.payments import read_data, show_read
    from flybill_pipeline.questions.payments import payments_kept

    with running() as runner:
        before = payments_kept(runner.toolbox)
        runner.read_payments()
        runner.send()
        after = payments_kept(runner.toolbox)
        show(json_wanted, read_data(before, after), lambda: show_read(before, after))
        show_failed_runs(runner.failed)
        sys.exit(1 if runner.failed else 0)


BILLING = (close, repair, release, credit, payments)

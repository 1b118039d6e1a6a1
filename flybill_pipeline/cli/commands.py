"""`flybill`: what a person types. A command reads its input, calls one thing and shows the answer; it decides nothing.

Exit status: 0 done, 1 the work is incomplete (held or failed organizations), 2 wrong usage or wrong input.
Dagster, DuckDB and stripe are imported by the commands that need them, so that `owes` answers at once.
"""

import os
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.cli.answers import as_json, finish, show
from flybill_pipeline.cli.arguments import FILE, MOMENT, MONTH, require_billable, require_known
from flybill_pipeline.cli.asking import QUESTIONS
from flybill_pipeline.cli.payments import PAYMENT_COMMANDS
from flybill_pipeline.cli.render import console
from flybill_pipeline.cli.sessions import ready, running, toolbox
from flybill_pipeline.settings import load_settings


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="flybill-pipeline")
def flybill() -> None:
    """Usage billing: compile usage, price it, finalize one invoice a month, sync it to Stripe exactly once."""


@flybill.command()
@click.option("--port", default=3000, show_default=True, help="Where Dagster's UI listens, on this machine only.")
@click.option("--read-only-port", type=int, help="Where it may only be looked at.  [default: the port after it]")
def up(port: int, read_only_port: int | None) -> None:
    """Serve Dagster's UI with everything it needs on this machine, until Ctrl-C."""
    from flybill_pipeline.serving import up as server

    with ready(load_settings()) as settings:
        # Whoever looks at this machine's UI wants to see it work; a server of its own begins with everything off.
        automated = settings.model_copy(update={"automation": True})
        sys.exit(server.serve(automated, port, read_only_port or port + 1))


@flybill.command()
@click.option("--port", default=12111, show_default=True, help="0 picks a free one.")
@click.option("--state", type=click.Path(path_type=Path), help="Keep the state in this file; without it, in memory.")
def emulator(port: int, state: Path | None) -> None:
    """Serve the stand-in Stripe alone, until Ctrl-C. Point STRIPE_API_BASE at the address that it prints."""
    command = [sys.executable, "-m", "flybill_pipeline.stripe_emulator", "--port", str(port)]
    os.execv(sys.executable, [*command, "--state", str(state)] if state else command)  # noqa: S606


@flybill.command()
@click.option("--roles", is_flag=True, help="Also create the pipeline's role and the readers', and give them rights.")
def migrate(roles: bool) -> None:
    """Bring the database to this version's schema. Every other command does it too, if its role may."""
    from flybill_pipeline.stores.postgres.database import open_engine
    from flybill_pipeline.stores.postgres.roles import grant_roles

    with ready(load_settings(), stripe=False, dagster=False) as settings:
        click.echo(f"The schema is up to date ({settings.shards} shards).")
        if roles:
            for table, rights in sorted(grant_roles(open_engine(str(settings.database_url))).items()):
                click.echo(f"{table:20} flybill_pipeline: {rights}; flybill_reader: select")


@flybill.command()
@click.argument("folder", type=click.Path(path_type=Path))
def backup(folder: Path) -> None:
    """Copy both databases, the lake and the landing zone to FOLDER. Runs may go on meanwhile."""
    from flybill_pipeline.operating.backups import back_up

    with ready(load_settings(), stripe=False) as settings:
        click.echo(back_up(settings, folder, datetime.now(UTC)))


@flybill.command()
@click.argument("folder", type=click.Path(path_type=Path))
def restore(folder: Path) -> None:
    """Fill a new, empty deployment from the backup in FOLDER; the sync then looks at Stripe before it sends again."""
    from flybill_pipeline.local import services
    from flybill_pipeline.operating.backups import restore as restore_from

    with services(load_settings(), stripe=False) as settings:
        click.echo(restore_from(settings, folder, datetime.now(UTC)))


@flybill.command()
@click.option("--as-of", type=MOMENT, required=True, help="What moment the databases are back at, or an earlier one.")
def restored(as_of: datetime) -> None:
    """Say that the databases were restored by other means; the sync then looks at Stripe before it sends again."""
    from flybill_pipeline.stores.postgres.database import open_engine
    from flybill_pipeline.stores.sync.restores import record_restore

    with ready(load_settings(), stripe=False, dagster=False) as settings:
        record_restore(open_engine(str(settings.database_url)), as_of, datetime.now(UTC))
    click.echo("Noted. What was on its way to Stripe, or may have been, is looked for there before it is sent.")


@flybill.command("import-orgs")
@click.argument("file", type=FILE)
@as_json
def import_orgs(file: Path, json_wanted: bool) -> None:
    """Store the organizations in a CSV FILE; all of them, or none when there is a fault in it."""
    from flybill_pipeline.stores.invoicing.organizations import read_organizations
    from flybill_pipeline.stores.pricing.price_books import load_price_books

    settings = load_settings()
    books = load_price_books(settings.prices)
    orgs = read_organizations(file, contracts={name for book in books.books for name in book.contracts})
    with toolbox(settings) as tools:
        new, changed = tools.organizations.save(orgs)
    answer = {"organizations": len(orgs), "new": new, "changed": changed}
    show(json_wanted, answer, lambda: click.echo(f"{len(orgs)} organizations: {new} new, {changed} changed."))


@flybill.command("import-items")
@click.argument("file", type=FILE)
@as_json
def import_items(file: Path, json_wanted: bool) -> None:
    """Store the subscriptions, one-off items, credits and discounts in a CSV or JSON FILE; all of them, or none."""
    from flybill_pipeline.stores.invoicing.items_file import read_items

    items = read_items(file)
    with toolbox(load_settings()) as tools:
        new, changed = tools.items.save(file, items)
    answer = {"items": len(items), "new": new, "changed": changed}
    show(json_wanted, answer, lambda: click.echo(f"{len(items)} items: {new} new, {changed} changed."))


@flybill.command()
@click.argument("file", type=FILE)
@click.option("--source", required=True, help="The source in the source mapping that says how to read the file.")
@as_json
def land(file: Path, source: str, json_wanted: bool) -> None:
    """Copy a usage FILE into the landing zone, after checking that it can be read."""
    with toolbox(load_settings()) as tools:
        landed = tools.landing.land(file, source)
    show(json_wanted, asdict(landed), lambda: click.echo(landed.sentence))


@flybill.command()
@click.argument("month", type=MONTH)
@click.option("--org", "org_ids", multiple=True, help="Only this organization; may be repeated.")
@as_json
def close(month: Month, org_ids: tuple[str, ...], json_wanted: bool) -> None:
    """Ingest what is landed, then price, finalize, sync and reconcile MONTH. Safe to repeat at any time."""
    require_billable(month)
    with running() as runner:
        require_known(runner.toolbox, org_ids)
        with console.progress_bars() as progress:
            runner.ingest(progress)
            runner.close(month, org_ids, progress)
            runner.reconcile(month, progress)
        finish(runner, month, json_wanted)


@flybill.command()
@click.argument("month", type=MONTH)
@click.option("--org", "org_ids", multiple=True, required=True, help="An organization; may be repeated.")
@as_json
def repair(month: Month, org_ids: tuple[str, ...], json_wanted: bool) -> None:
    """Run the month of single organizations again, after what kept them from being billed was mended."""
    require_billable(month)
    with running() as runner:
        require_known(runner.toolbox, org_ids)
        with console.progress_bars() as progress:
            runner.repair(month, org_ids, progress)
            runner.reconcile(month, progress)
        finish(runner, month, json_wanted, org_ids)


@flybill.command()
@click.argument("month", type=MONTH)
@click.option("--org", required=True, help="The organization whose month is held.")
@click.option("--by", required=True, help="Who looked at it.")
@click.option("--reason", required=True, help="Why it is right as it is.")
@as_json
def release(month: Month, org: str, by: str, reason: str, json_wanted: bool) -> None:
    """Bill a held MONTH as it is, after a person looked at an unusual total or a large credit. Kept in the audit."""
    from flybill_pipeline.billing.invoicing.outcomes import RELEASABLE

    with running() as runner:
        require_known(runner.toolbox, [org])
        runner.toolbox.holds.release(month, org, by, reason, RELEASABLE, datetime.now(UTC))
        with console.progress_bars() as progress:
            runner.repair(month, [org], progress)
            runner.reconcile(month, progress)
        finish(runner, month, json_wanted, (org,))


@flybill.command()
@click.argument("org")
@click.argument("month", type=MONTH)
@click.option("--line", required=True, type=int, help="The line, counted from 1 as in `flybill owes`.")
@click.option("--amount", required=True, help="In the invoice's currency, such as 12.50.")
@click.option("--reason", required=True, help="Why; the customer reads it too.")
@click.option("--by", help="Who decided it. Default: your login name.")
@click.option("--nth", default=1, show_default=True, help="2 for a second credit of the same line, amount and reason.")
@as_json
def credit(
    org: str, month: Month, line: int, amount: str, reason: str, by: str | None, nth: int, json_wanted: bool
) -> None:
    """Credit a part of a LINE of ORG's invoice of MONTH, here and in Stripe. Safe to repeat: it is credited once.

    An open invoice asks for less; what was paid already goes to the customer's balance, which the next invoice uses.
    """
    from flybill_pipeline.billing.payments.credit_notes import CreditRequest
    from flybill_pipeline.cli.render import credited as shown
    from flybill_pipeline.questions import credited as crediting

    with toolbox(load_settings(), stripe=True) as tools:
        require_known(tools, [org])
        name = crediting.who() if by is None else by
        done = crediting.credit(tools, CreditRequest(org, month, line, amount, reason, name, nth))
    show(json_wanted, shown.credited_data(done), lambda: shown.show_credited(done))
    sys.exit(0 if done.done else 1)


@flybill.command()
@click.option("--orgs", default=200, show_default=True, type=click.IntRange(10, 100_000))
@click.option("--events", default=200_000, show_default=True, type=click.IntRange(1_000, 100_000_000))
@click.option("--month", type=MONTH, help="Default: last month.")
@click.option("--seed", default=7, show_default=True)
@click.option("--faults", default=0.1, show_default=True, type=click.FloatRange(0, 0.5), help="Share of faulty calls.")
@as_json
def demo(orgs: int, events: int, month: Month | None, seed: int, faults: float, json_wanted: bool) -> None:
    """Bill a month from end to end against the stand-in Stripe, with faults, and mend what fails."""
    from flybill_pipeline.cli.render import demo as shown
    from flybill_pipeline.demo.play import Demo
    from flybill_pipeline.demo.world import DemoPlan
    from flybill_pipeline.operating.runs import runner

    now = datetime.now(UTC)
    chosen = month or Month.of(now).previous()
    if now < chosen.end:
        raise click.UsageError(f"{chosen} is still running: a demo closes a month that has ended")
    settings = load_settings()
    if not settings.uses_local_stripe:
        raise click.UsageError("the demo plays with the local emulator only: unset STRIPE_API_KEY and STRIPE_API_BASE")
    plan = DemoPlan(chosen, orgs, events, seed, faults)
    with ready(settings) as complete, runner(complete) as jobs:
        acts = Demo(jobs, complete, plan)
        with console.progress_bars() as progress:
            closed = acts.close(progress)
        console.show_failed_runs(jobs.failed)
        if not json_wanted:
            shown.show_closed(closed)
        with console.progress_bars() as progress:
            played = acts.mend(closed, progress)
    show(json_wanted, shown.played_data(played), lambda: shown.show_played(played, plan))
    sys.exit(0 if played.complete else 1)


for command in (*QUESTIONS, *PAYMENT_COMMANDS):
    flybill.add_command(command)


def main() -> None:
    """The entry point: errors of input and environment become one sentence and exit status 2, never a traceback."""
    try:
        flybill()
    except Exception as error:
        from flybill_pipeline.cli.input_errors import INPUT_ERRORS

        if not isinstance(error, INPUT_ERRORS):
            raise
        click.echo(f"flybill: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()

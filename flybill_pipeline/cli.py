"""`flybill`: what a person types. A command reads its input, calls one thing and shows the answer; it decides nothing.

Exit status: 0 done, 1 the work is incomplete (held or failed organizations), 2 wrong usage or wrong input.
Dagster, DuckDB and stripe are imported by the commands that need them, so that `owes` answers at once.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flybill_pipeline import console
from flybill_pipeline.billing.period import Month
from flybill_pipeline.local import services
from flybill_pipeline.settings import Settings, load_settings

if TYPE_CHECKING:
    from flybill_pipeline.defs.resources import Toolbox
    from flybill_pipeline.runs import Runner


class MonthType(click.ParamType[Month]):
    """A month on the command line, such as 2026-10."""

    name = "month"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Month:
        try:
            return value if isinstance(value, Month) else Month.parse(value)
        except ValueError as error:
            return self.fail(str(error), param, ctx)


MONTH = MonthType()
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
PATH = click.Path(exists=True, path_type=Path)
as_json = click.option("--json", "json_wanted", is_flag=True, help="Print JSON instead of text.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="flybill-pipeline")
def flybill() -> None:
    """Usage billing: compile usage, price it, finalize one invoice a month, sync it to Stripe exactly once."""


@flybill.command()
@click.option("--port", default=3000, show_default=True, help="Where Dagster's UI listens, on this machine only.")
def up(port: int) -> None:
    """Serve Dagster's UI with everything it needs on this machine, until Ctrl-C."""
    from flybill_pipeline import up as server

    with ready(load_settings()) as settings:
        sys.exit(server.serve(settings, port))


@flybill.command()
@click.option("--port", default=12111, show_default=True, help="0 picks a free one.")
@click.option("--state", type=click.Path(path_type=Path), help="Keep the state in this file; without it, in memory.")
def emulator(port: int, state: Path | None) -> None:
    """Serve the stand-in Stripe alone, until Ctrl-C. Point STRIPE_API_BASE at the address that it prints."""
    command = [sys.executable, "-m", "flybill_pipeline.stripe_emulator", "--port", str(port)]
    os.execv(sys.executable, [*command, "--state", str(state)] if state else command)  # noqa: S606


@flybill.command()
def migrate() -> None:
    """Bring the database to this version's schema. Every other command does it too."""
    with ready(load_settings(), stripe=False) as settings:
        click.echo(f"The schema is up to date ({settings.shards} shards).")


@flybill.command("import-orgs")
@click.argument("file", type=FILE)
@as_json
def import_orgs(file: Path, json_wanted: bool) -> None:
    """Store the organizations in a CSV FILE; all of them, or none when there is a fault in it."""
    from flybill_pipeline.stores.organizations import read_organizations
    from flybill_pipeline.stores.price_books import load_price_books

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
    from flybill_pipeline.stores.items_file import read_items

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
    if datetime.now(UTC) < month.end:
        raise click.UsageError(
            f"{month} is still running: it ends on {month.last_day} (UTC) and cannot be closed before. "
            f"`flybill owes ORG --month {month}` shows what an organization owes so far."
        )
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
    from flybill_pipeline.billing.outcomes import RELEASABLE

    with running() as runner:
        require_known(runner.toolbox, [org])
        runner.toolbox.holds.release(month, org, by, reason, RELEASABLE, datetime.now(UTC))
        with console.progress_bars() as progress:
            runner.repair(month, [org], progress)
            runner.reconcile(month, progress)
        finish(runner, month, json_wanted, (org,))


@flybill.command()
@click.argument("month", type=MONTH)
@as_json
def status(month: Month, json_wanted: bool) -> None:
    """Where MONTH stands: outcomes, sync, totals, and each failure with its remedy."""
    with toolbox(load_settings()) as tools:
        answer = tools.statements.month(month)
    show(json_wanted, console.status_data(answer), lambda: console.show_status(answer))


@flybill.command()
@click.argument("org")
@click.option("--month", type=MONTH, help="Default: the current month.")
@as_json
def owes(org: str, month: Month | None, json_wanted: bool) -> None:
    """What ORG owes, why, and what happens next. Works while Stripe is down."""
    from flybill_pipeline.steps.state_what_is_owed import state_what_is_owed

    now = datetime.now(UTC)
    with toolbox(load_settings()) as tools:
        require_known(tools, [org])
        asked = month or Month.of(now)
        answer = state_what_is_owed(
            tools.organizations.all(org_ids=[org])[0],
            tools.shard_of(org),
            asked,
            tools.statements,
            tools.usage,
            tools.books(asked),
            tools.drafts,
            now,
            tools.accounts,
        )
    show(json_wanted, console.owed_data(answer), lambda: console.show_statement(answer))


@flybill.command()
@click.option("--prices", required=True, type=PATH, help="A folder of price books, or one of them.")
@click.option("--meter", required=True)
@click.option("--quantity", required=True, help="In the meter's unit, such as 1500.25.")
@click.option("--dimension", "dimensions", multiple=True, metavar="K=V", help="Such as region=iad; may be repeated.")
@click.option("--contract", help="Price it as for an organization with this contract.")
@click.option("--currency", help="Needed when the folder has books in several currencies.")
@as_json
def quote(
    prices: Path,
    meter: str,
    quantity: str,
    dimensions: tuple[str, ...],
    contract: str | None,
    currency: str | None,
    json_wanted: bool,
) -> None:
    """Price one QUANTITY of a METER, and show the working."""
    from flybill_pipeline.quoting import answer_quote

    answer = answer_quote(prices, meter, exact_number(quantity), pairs(dimensions), contract, currency)
    show(json_wanted, answer, lambda: console.show_working(answer["working"], answer["shown"]))


@flybill.command()
@click.option("--orgs", default=200, show_default=True, type=click.IntRange(10, 100_000))
@click.option("--events", default=200_000, show_default=True, type=click.IntRange(1_000, 100_000_000))
@click.option("--month", type=MONTH, help="Default: last month.")
@click.option("--seed", default=7, show_default=True)
@click.option("--faults", default=0.1, show_default=True, type=click.FloatRange(0, 0.5), help="Share of faulty calls.")
@as_json
def demo(orgs: int, events: int, month: Month | None, seed: int, faults: float, json_wanted: bool) -> None:
    """Bill a month from end to end against the stand-in Stripe, with faults, and mend what fails."""
    from flybill_pipeline.demo.play import play
    from flybill_pipeline.demo.world import DemoPlan
    from flybill_pipeline.runs import runner

    now = datetime.now(UTC)
    chosen = month or Month.of(now).previous()
    if now < chosen.end:
        raise click.UsageError(f"{chosen} is still running: a demo closes a month that has ended")
    settings = load_settings()
    if not settings.uses_local_stripe:
        raise click.UsageError("the demo plays with the local emulator only: unset STRIPE_API_KEY and STRIPE_API_BASE")
    with ready(settings) as complete, runner(complete) as jobs:
        answer = play(jobs, complete, DemoPlan(chosen, orgs, events, seed, faults), quiet=json_wanted)
    show(json_wanted, answer.data(), lambda: None)
    sys.exit(0 if answer.complete else 1)


# What the commands share.


@contextmanager
def ready(settings: Settings, *, stripe: bool = True) -> Iterator[Settings]:
    """Yields complete settings: the local services run, and the schema is this version's."""
    from flybill_pipeline.stores.database import migrate as bring_up_to_date
    from flybill_pipeline.stores.database import open_engine, shard_count

    with services(settings, stripe=stripe) as complete:
        engine = open_engine(str(complete.database_url))
        bring_up_to_date(engine, shards=complete.shards)
        shards = shard_count(engine)
        engine.dispose()
        yield complete.model_copy(update={"shards": shards})


@contextmanager
def toolbox(settings: Settings) -> Iterator["Toolbox"]:
    """Yields the stores, for commands that need neither Stripe nor Dagster."""
    from flybill_pipeline.wiring import build_toolbox

    with ready(settings, stripe=False) as complete:
        tools = build_toolbox(complete)
        try:
            yield tools
        finally:
            tools.close()


@contextmanager
def running() -> Iterator["Runner"]:
    """Yields what runs Dagster's jobs in this process."""
    from flybill_pipeline.runs import runner

    with ready(load_settings()) as complete, runner(complete) as found:
        yield found


def require_known(tools: "Toolbox", org_ids: tuple[str, ...] | list[str]) -> None:
    """Refuses organizations that nobody imported, by name."""
    if not org_ids:
        return
    known = {org.org_id for org in tools.organizations.all(org_ids=org_ids)}
    if unknown := [org for org in org_ids if org not in known]:
        raise click.UsageError(f"no such organization: {', '.join(unknown)}. `flybill import-orgs FILE` adds them.")


def finish(runner: "Runner", month: Month, json_wanted: bool, org_ids: tuple[str, ...] = ()) -> None:
    """Shows where the month stands, and exits with 1 unless it, or what was asked for of it, is done."""
    answer = runner.toolbox.statements.month(month)
    show(json_wanted, console.status_data(answer), lambda: console.show_status(answer))
    console.show_failed_runs(runner.failed)
    failures = [failure for failure in answer.failures if not org_ids or failure.org_id in org_ids]
    sys.exit(1 if failures or runner.failed else 0)


def show(json_wanted: bool, data: Any, text: Callable[[], None]) -> None:
    """Prints the answer as JSON or as text."""
    if json_wanted:
        click.echo(json.dumps(data, indent=2, default=str))
    else:
        text()


def exact_number(text: str) -> Decimal:
    """The decimal that `text` writes; a usage error for anything else."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise click.BadParameter(f"{text!r} is not a number; write it like 1500.25", param_hint="--quantity")
    return number


def pairs(texts: tuple[str, ...]) -> dict[str, str]:
    """`k=v` texts as a mapping; a usage error for anything else."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{text!r} is not of the form name=value", param_hint="--dimension")
        found[name] = value
    return found


def main() -> None:
    """The entry point: errors of input and environment become one sentence and exit status 2, never a traceback."""
    try:
        flybill()
    except Exception as error:
        from flybill_pipeline.input_errors import INPUT_ERRORS

        if not isinstance(error, INPUT_ERRORS):
            raise
        click.echo(f"flybill: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()

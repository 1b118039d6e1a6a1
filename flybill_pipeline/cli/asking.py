"""The commands that only ask: where a month stands, what an org owes, why, what if. None of them writes anything."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.cli.answers import as_json, show, show_month
from flybill_pipeline.cli.arguments import MONTH, PATH, exact_number, pairs, require_known
from flybill_pipeline.cli.render import console
from flybill_pipeline.cli.sessions import toolbox
from flybill_pipeline.settings import load_settings


@click.command()
@click.argument("month", type=MONTH)
@as_json
def status(month: Month, json_wanted: bool) -> None:
    """Where MONTH stands: outcomes, sync, totals, and each failure with its remedy."""
    with toolbox(load_settings()) as tools:
        show_month(tools, month, json_wanted)


@click.command()
@click.argument("org")
@click.option("--month", type=MONTH, help="Default: the current month.")
@as_json
def owes(org: str, month: Month | None, json_wanted: bool) -> None:
    """What ORG owes, why, and what happens next. Works while Stripe is down."""
    from flybill_pipeline.questions.owed import state_what_is_owed

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
            tools.accounts_of(tools.usage),
            tools.credit_notes,
            tools.payments,
            tools.closing_day,
        )
        poll = tools.payments.poll()
    show(json_wanted, console.owed_data(answer, poll), lambda: console.show_statement(answer, poll))


@click.command()
@click.argument("org")
@click.argument("month", type=MONTH)
@click.option("--line", "number", type=int, help="Only this line, counted from 1 as in `flybill owes`.")
@click.option("--limit", default=50, show_default=True, help="Events shown of each line; sums are over all.")
@as_json
def explain(org: str, month: Month, number: int | None, limit: int, json_wanted: bool) -> None:
    """The raw events behind the lines of ORG's MONTH: their sum is the usage that the line recorded."""
    from flybill_pipeline.cli.render import explained as shown
    from flybill_pipeline.questions import explained as explaining

    with toolbox(load_settings()) as tools:
        require_known(tools, [org])
        found = explaining.explained(tools, org, month, number, datetime.now(UTC))
        files = explaining.files_of(tools)
        write = shown.write_json if json_wanted else None
        complete = write(org, month, found, files) if write else shown.show_text(found, files, limit)
    sys.exit(0 if complete else 1)


@click.command()
@click.argument("month", type=MONTH)
@click.option("--prices", required=True, type=PATH, help="A folder of other price books, or one of them.")
@as_json
def reprice(month: Month, prices: Path, json_wanted: bool) -> None:
    """What other PRICES would have billed for MONTH, per organization and meter. Writes nothing."""
    from flybill_pipeline.cli.render import repriced as shown
    from flybill_pipeline.questions import repriced as repricing

    with toolbox(load_settings()) as tools:
        found = repricing.reprice(tools, month, prices, datetime.now(UTC))
    show(json_wanted, shown.repriced_data(month, found), lambda: shown.show_repriced(month, found))


@click.command()
@click.argument("month", type=MONTH)
@as_json
def verify(month: Month, json_wanted: bool) -> None:
    """Price the finalized invoices of MONTH again, from the usage that they were priced from, and compare."""
    from flybill_pipeline.cli.render import verified as shown
    from flybill_pipeline.questions import verified as verifying

    with toolbox(load_settings()) as tools:
        found = verifying.verify(tools, month)
    show(json_wanted, shown.verified_data(month, found), lambda: shown.show_verified(month, found))
    sys.exit(0 if verifying.all_the_same(found) else 1)


@click.command()
@click.option("--source", help="Only this source of the source mapping.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(0), help="Rows that are shown.")
@as_json
def quarantine(source: str | None, limit: int, json_wanted: bool) -> None:
    """The usage that does not count: files that cannot be read, and bad rows, each with its reason."""
    from flybill_pipeline.cli.render import rejected_usage as shown
    from flybill_pipeline.questions import rejected_usage as bad_usage

    with toolbox(load_settings()) as tools:
        if source not in (None, *tools.landing.sources):
            raise click.UsageError(
                f"there is no source {source!r}; sources.toml has {', '.join(tools.landing.sources)}"
            )
        found = bad_usage.look(tools, source, limit)
    show(json_wanted, shown.data(found), lambda: shown.show(found))


@click.command()
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
    from flybill_pipeline.questions.quoted import answer_quote

    answer = answer_quote(prices, meter, exact_number(quantity), pairs(dimensions), contract, currency)
    show(json_wanted, answer, lambda: console.show_working(answer["working"], answer["shown"]))


QUESTIONS = (status, owes, explain, quarantine, reprice, verify, quote)

"""The commands that only ask: where a month stands, what an org owes, why, what if. None of them writes anything."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.cli.answers import as_json, show
from flybill_pipeline.cli.arguments import COUNT, LANGUAGE, MONTH, NUMBER, PATH, pairs, quantity_of
from flybill_pipeline.cli.sessions import toolbox, usable_settings


@click.command()
@click.argument("month", type=MONTH)
@as_json
def status(month: Month, json_wanted: bool) -> None:
    """Where MONTH stands: outcomes, sync, totals, failures with their remedies, and what Stripe's own list says."""
    from flybill_pipeline.cli.render.month_status import overview_data, show_overview
    from flybill_pipeline.questions.month_status import month_status

    with toolbox(usable_settings()) as tools:
        answer = month_status(tools, month)
    show(json_wanted, overview_data(answer), lambda: show_overview(answer))
    sys.exit(1 if answer.is_incomplete() else 0)


@click.command()
@click.argument("org")
@click.option("--month", type=MONTH, help="Default: the current month.")
@click.option("--language", "code", type=LANGUAGE, help="As its developer reads it in this language. Default: en.")
@as_json
def owes(org: str, month: Month | None, code: str | None, json_wanted: bool) -> None:
    """What ORG owes, why, and what happens next. Works while Stripe is down."""
    from flybill_pipeline.cli.render.owed import show_owed
    from flybill_pipeline.exports.statement_json import owed_data
    from flybill_pipeline.languages.chosen import language
    from flybill_pipeline.questions.owed import owed

    reader = language(code)
    with toolbox(usable_settings()) as tools:  # what is not read yet is looked for while it is shown
        answer = owed(tools, org, month or Month.of(tools.now()))
        show(json_wanted, owed_data(answer, reader), lambda: show_owed(answer, reader))


@click.command()
@click.argument("org")
@click.argument("month", type=MONTH)
@click.option("--line", "number", type=NUMBER, help="Only this line, counted from 1 as in `flybill owes`.")
@click.option("--limit", default=50, show_default=True, type=COUNT, help="Events of each line; sums are over all.")
@as_json
def explain(org: str, month: Month, number: int | None, limit: int, json_wanted: bool) -> None:
    """The raw events behind the lines of ORG's MONTH: their sum is the usage that the line recorded."""
    from flybill_pipeline.cli.render.explained import show_explained, write_explained
    from flybill_pipeline.questions.explained import explained

    with toolbox(usable_settings()) as tools:  # events are read while they are shown
        answer = explained(tools, org, month, number)
        complete = write_explained(answer) if json_wanted else show_explained(answer, limit)
    sys.exit(0 if complete else 1)


@click.command()
@click.argument("month", type=MONTH)
@click.option("--prices", required=True, type=PATH, help="A folder of other price books, or one of them.")
@as_json
def reprice(month: Month, prices: Path, json_wanted: bool) -> None:
    """What other PRICES would have billed for MONTH, per organization and meter. Writes nothing."""
    from flybill_pipeline.cli.render.repriced import repriced_data, show_repriced
    from flybill_pipeline.questions.repriced import repriced

    with toolbox(usable_settings()) as tools:
        answer = repriced(tools, month, prices)
    show(json_wanted, repriced_data(answer), lambda: show_repriced(answer))


@click.command()
@click.argument("month", type=MONTH)
@as_json
def verify(month: Month, json_wanted: bool) -> None:
    """Price the finalized invoices of MONTH again, from the usage that they were priced from, and compare."""
    from flybill_pipeline.cli.render.verified import show_verified, verified_data
    from flybill_pipeline.questions.verified import verified

    with toolbox(usable_settings()) as tools:
        answer = verified(tools, month)
    show(json_wanted, verified_data(answer), lambda: show_verified(answer))
    sys.exit(0 if answer.all_the_same else 1)


@click.command()
@click.option("--source", help="Only this source of the source mapping.")
@click.option("--limit", default=50, show_default=True, type=COUNT, help="Rows that are shown.")
@as_json
def quarantine(source: str | None, limit: int, json_wanted: bool) -> None:
    """The usage that does not count: files that cannot be read, and bad rows, each with its reason."""
    from flybill_pipeline.cli.render.rejected_usage import rejected_data, show_rejected
    from flybill_pipeline.questions.rejected_usage import rejected_usage

    with toolbox(usable_settings()) as tools:
        answer = rejected_usage(tools, source, limit)
    show(json_wanted, rejected_data(answer), lambda: show_rejected(answer))


@click.command()
@click.option("--prices", type=PATH, help="A folder of price books, or one of them. Default: FLYBILL_PRICES.")
@click.option("--meter", required=True)
@click.option("--quantity", required=True, help="In the meter's unit, such as 1500.25.")
@click.option("--dimension", "dimensions", multiple=True, metavar="K=V", help="Such as region=iad; may be repeated.")
@click.option("--contract", help="Price it as for an organization with this contract.")
@click.option("--currency", help="Needed when the folder has books in several currencies.")
@as_json
def quote(
    prices: Path | None,
    meter: str,
    quantity: str,
    dimensions: tuple[str, ...],
    contract: str | None,
    currency: str | None,
    json_wanted: bool,
) -> None:
    """Price one QUANTITY of a METER, and show the working."""
    from flybill_pipeline.cli.render.quoted import quote_data, show_quote
    from flybill_pipeline.questions.quoted import QuoteRequest, quoted

    request = QuoteRequest(meter, quantity_of(quantity), pairs(dimensions), contract, currency)
    answer = quoted(prices or usable_settings().prices, request, datetime.now(UTC).date())
    show(json_wanted, quote_data(answer), lambda: show_quote(answer))


ASKING = (status, owes, explain, quarantine, reprice, verify, quote)

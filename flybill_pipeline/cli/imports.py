"""The commands that bring something in: organizations, items, aliases, usage. Reading the files: the stores."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import asdict
from functools import cache
from itertools import islice
from pathlib import Path

import click

from flybill_pipeline.billing.money.currencies import RETIRED
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.cli.answers import as_json, show
from flybill_pipeline.cli.arguments import FILE
from flybill_pipeline.cli.render import screen
from flybill_pipeline.cli.sessions import toolbox, usable_settings

MOST_NAMED = 10
"""So many organizations or items are named whose billed months are told; the JSON has all."""


@click.command("import-orgs")
@click.argument("file", type=FILE)
@as_json
def import_orgs(file: Path, json_wanted: bool) -> None:
    """Store the organizations in a CSV FILE; all of them, or none when there is a fault in it."""
    from flybill_pipeline.stores.invoicing.organizations_file import read_organizations
    from flybill_pipeline.stores.pricing.price_books import load_price_books

    settings = usable_settings()
    books = load_price_books(settings.prices)
    orgs = read_organizations(file, contracts={name for book in books.books for name in book.contracts})
    with toolbox(settings) as tools:
        now = tools.now()
        adjusted, kept = tools.organizations.changed_contracts(orgs, now, settings.lookback_months)
        new, changed = tools.organizations.save(orgs, now)
    warnings = [
        *_empty(file, orgs),
        *_retired(org.terms.currency for org in orgs),
        *_first_named(adjusted, "organization", _adjusted),
        *_first_named(kept, "organization", _kept_contract),
    ]
    counts = {"organizations": len(orgs), "new": new, "changed": changed}
    answer = {**counts, "adjusted": _texts(adjusted), "kept": _texts(kept), "warnings": warnings}

    def sentences() -> None:
        screen.line(f"{screen.counted(len(orgs), 'organization')}: {new} new, {changed} changed.")
        _show_warnings(warnings)

    show(json_wanted, answer, sentences)


def _empty(file: Path, rows: Sized) -> list[str]:
    """A sentence when the file has no row: the export that made it may have failed."""
    return [] if len(rows) else [f"{file}: there is no row in it, so nothing was stored"]


def _show_warnings(warnings: Iterable[str]) -> None:
    for sentence in warnings:
        screen.line(screen.warning("warning"), f": {sentence}")


def _retired(currencies: Iterable[str]) -> list[str]:
    """A sentence for each currency of the file that is nobody's money any more."""
    return [
        f"{screen.counted(count, 'organization')} with {currency}, which ended on {RETIRED[currency][0]}: "
        f"say {RETIRED[currency][1]}, and in currency_from the month from which it holds"
        for currency, count in Counter(currencies).items()
        if currency in RETIRED
    ]


def _adjusted(org_id: str, months: Sequence[Month]) -> str:
    """That the contract of an organization was dated back into months that are billed."""
    billed = "which is billed already" if len(months) == 1 else "which are billed already"
    return (
        f"the contract of {org_id} changes in {_span(months)}, {billed}: "
        "its next invoice carries the difference; `flybill owes` shows it"
    )


def _kept_contract(org_id: str, months: Sequence[Month]) -> str:
    """That the contract of an organization was dated back into months which no invoice looks back to."""
    return (
        f"the contract of {org_id} changes in {_span(months)}, billed already, and no invoice looks back that far: "
        "add a one_off for the difference"
    )


@click.command("import-items")
@click.argument("file", type=FILE)
@as_json
def import_items(file: Path, json_wanted: bool) -> None:
    """Store the subscriptions, one-off items, credits and discounts in a CSV or JSON FILE; all of them, or none."""
    from flybill_pipeline.stores.invoicing.items_file import read_items
    from flybill_pipeline.stores.pricing.price_books import load_price_books

    settings = usable_settings()

    @cache
    def meters() -> set[str]:
        return {name for book in load_price_books(settings.prices).books for name in book.meters}

    items = read_items(file, meters=meters)
    with toolbox(settings) as tools:
        kept, plans = tools.items.kept_discounts(items), tools.items.kept_plans(items)
        new, changed = tools.items.save(file, items)
    warnings = [*_empty(file, items), *_first_named(kept, "discount", _kept), *_first_named(plans, "plan", _kept_plan)]
    counts = {"items": len(items), "new": new, "changed": changed}
    answer = {**counts, "kept": _texts({**kept, **plans}), "warnings": warnings}

    def sentences() -> None:
        screen.line(f"{screen.counted(len(items), 'item')}: {new} new, {changed} changed.")
        _show_warnings(warnings)

    show(json_wanted, answer, sentences)


def _kept(item_id: str, months: Sequence[Month]) -> str:
    """That a discount ends before months which were billed with it."""
    return (
        f"discount {item_id} ends before {_span(months)}, billed with it already, which keeps it: "
        "add a one_off to take it back"
    )


def _kept_plan(item_id: str, months: Sequence[Month]) -> str:
    """That a plan ends otherwise in months which no invoice looks back to."""
    return (
        f"plan {item_id} ends otherwise in {_span(months)}, billed already, and no invoice looks back that far: "
        "add a one_off for the difference"
    )


def _first_named(
    months_of: Mapping[str, Sequence[Month]], noun: str, words: Callable[[str, Sequence[Month]], str]
) -> Iterator[str]:
    """A sentence for each of the first ones, and how many more there are."""
    for name, months in islice(sorted(months_of.items()), MOST_NAMED):
        yield words(name, months)
    if (more := len(months_of) - MOST_NAMED) > 0:
        yield f"so it is with {screen.counted(more, f'more {noun}')}"


def _texts(months_of: Mapping[str, Sequence[Month]]) -> dict[str, list[str]]:
    return {name: list(map(str, months)) for name, months in months_of.items()}


def _span(months: Sequence[Month]) -> str:
    return str(months[0]) if len(months) == 1 else f"{months[0]} to {months[-1]}"


@click.command("import-aliases")
@click.argument("file", type=FILE)
@as_json
def import_aliases(file: Path, json_wanted: bool) -> None:
    """Store which accounts, hosts or keys in a CSV FILE belong to which organizations; all of them, or none."""
    from flybill_pipeline.cli.render.rejected_usage import too_long_ago
    from flybill_pipeline.questions.rejected_usage import waited_too_long
    from flybill_pipeline.stores.invoicing.aliases_file import import_aliases as store

    with toolbox(usable_settings()) as tools:
        known = {organization.org_id for organization in tools.organizations.all()}
        count, new, changed = store(file, tools.lake.aliases, tools.sources, known)
        lookback = waited_too_long(tools) if new or changed else None
    warnings = _empty(file, range(count))
    answer = {"aliases": count, "new": new, "changed": changed, "lookback_for_all": lookback, "warnings": warnings}

    def sentences() -> None:
        screen.line(f"{count:,} alias{'' if count == 1 else 'es'}: {new} new, {changed} changed.")
        if new or changed:
            screen.line("The next `flybill close` bills by them what was landed, earlier months too.")
        if lookback is not None:
            screen.line(screen.warning("waited for long"), f": {too_long_ago(lookback)}")
        _show_warnings(warnings)

    show(json_wanted, answer, sentences)


SOURCE = click.option(
    "--source", required=True, help="The source in the source mapping that says how to read the file."
)


@click.command()
@click.argument("file", type=FILE)
@SOURCE
@click.option(
    "--replace", is_flag=True, help="Take the place of the landed file of its name; what that said is undone."
)
@as_json
def land(file: Path, source: str, replace: bool, json_wanted: bool) -> None:
    """Copy a usage FILE into the landing zone, after checking that it can be read."""
    with toolbox(usable_settings()) as tools:
        landed = tools.landing.land(file, source, replace=replace)
    show(json_wanted, asdict(landed), lambda: screen.line(landed.sentence))


@click.command()
@click.argument("file", type=FILE, required=False)
@SOURCE
@as_json
def preview(file: Path | None, source: str, json_wanted: bool) -> None:
    """Say what a source makes of a usage FILE: events, sums, what is refused, what is there already. Stores nothing.

    Without a FILE: what would come of the table of an engine that the source reads.
    """
    from flybill_pipeline.cli.render.preview import preview_data, show_preview
    from flybill_pipeline.questions.previewed import preview_file, preview_table

    with toolbox(usable_settings()) as tools:
        answer = preview_file(tools, file, source) if file else preview_table(tools, source)
    if answer is None:
        show(json_wanted, {"rows": None}, lambda: screen.line("Nothing new is in the table."))
    else:
        show(json_wanted, preview_data(answer), lambda: show_preview(answer))


IMPORTS = (import_orgs, import_items, import_aliases, land, preview)

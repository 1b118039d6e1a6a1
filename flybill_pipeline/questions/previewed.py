"""What would come of a usage file before it is landed, and who and what of it nobody knows yet. Stores nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from flybill_pipeline.billing.pricing.prices import PriceBook
from flybill_pipeline.billing.usage.aliases import AliasPeriod, remarks, waiting_alias
from flybill_pipeline.billing.usage.tables import NotPulledError
from flybill_pipeline.stores.pricing.price_books import load_price_books
from flybill_pipeline.stores.usage.intake.preview import InLake, Preview
from flybill_pipeline.stores.usage.intake.zones import LandingError
from flybill_pipeline.toolbox.reading import EngineTables
from flybill_pipeline.toolbox.tools import Toolbox


@dataclass(frozen=True, slots=True)
class Summed:
    """What the totals of a look into a table are made of: the rows of `days` UTC days.

    `repeats` of the `rows` have the id of another one that counts, and do not count.
    """

    days: int
    rows: int
    repeats: int


@dataclass(frozen=True, slots=True)
class Previewed:
    """What a source makes of a file. Of its organizations, aliases and meters some may be known to nobody.

    Of `summed_levels` the source tells what a level is, and a price book would add that up, row by row.
    `remarks` say of unknown aliases what is known that is like them.
    Of a table `summed` says what its totals are made of: then they are what stands in place of rows and events.
    `prices_begin` is the day from which the first price book is in force, where some usage is of before.
    """

    preview: Preview
    unknown_orgs: Sequence[str]
    unknown_aliases: Sequence[str]
    unknown_meters: Sequence[str]
    prices_begin: date | None = None
    summed_levels: Sequence[str] = ()
    remarks: Mapping[str, str] = field(default_factory=dict)
    summed: Summed | None = None


def preview_file(toolbox: Toolbox, file: Path, source: str) -> Previewed:
    """Reads the whole file. Raises LandingError when it cannot be read."""
    lake = _in_lake(toolbox, source)
    return _previewed(toolbox, toolbox.landing.preview(file, source, lake), lake.aliases)


def preview_table(toolbox: Toolbox, source: str) -> Previewed | None:
    """What the next look into the table of a source would bring, as totals; None where that is nothing.

    Raises LandingError when it has no table, or its engine does not tell.
    """
    table = next((each for each in EngineTables(toolbox).all() if each.name == source), None)
    if table is None:
        raise LandingError(f"name a file: there is no source {source!r} that reads a table of an engine")
    known = toolbox.pulled_tables.known(table.key, table.mapping)
    try:
        with TemporaryDirectory() as folder, table.pulled(known.watermark, toolbox.now()) as pulled:
            file = table.together(pulled, Path(folder))
            if file is None:
                return None
            lake = _in_lake(toolbox, source)
            found = _previewed(toolbox, toolbox.landing.preview_totals(file, table.source, lake))
            there, repeats = (sum(getattr(day, name) for day in pulled.days) for name in ("there", "repeats"))
            return replace(found, summed=Summed(len(pulled.days), there, repeats))
    except NotPulledError as error:
        raise LandingError(f"source {source!r}: {error}") from None


def _previewed(toolbox: Toolbox, found: Preview, known_aliases: Sequence[AliasPeriod] = ()) -> Previewed:
    waiting = {each.org_id: alias for each in found.sums if (alias := waiting_alias(each.org_id))}
    unknown = sorted({alias for _, alias in waiting.values()})
    known = {organization.org_id for organization in toolbox.organizations.all()}
    books = load_price_books(toolbox.settings.prices).books
    priced = {name for book in books for name in book.meters}
    return Previewed(
        preview=found,
        unknown_orgs=sorted({each.org_id for each in found.sums} - known - waiting.keys()),
        unknown_aliases=unknown,
        remarks=remarks(unknown, known_aliases),
        unknown_meters=sorted({each.meter for each in found.sums} - priced),
        summed_levels=sorted({each.meter for each in found.sums} & _added_up(books)) if found.levels else (),
        prices_begin=_late_prices(found.first_at, [book.effective_from for book in books]),
    )


def _added_up(books: Sequence[PriceBook]) -> set[str]:
    return {name for book in books for name, meter in book.meters.items() if not meter.aggregation.has_series}


def _late_prices(first_at: str | None, in_force_from: Sequence[date]) -> date | None:
    first = min(in_force_from, default=None)
    return first if first is not None and first_at is not None and first_at < first.isoformat() else None


def _in_lake(toolbox: Toolbox, name: str) -> InLake:
    lake, source = toolbox.lake, toolbox.sources.get(name)
    aliases = lake.aliases.of_source(source.key) if source and source.aliased else ()
    pieces = toolbox.catalog.all_pieces()
    lake.guard.require(pieces, contents=False)
    return InLake(lake.root, pieces, aliases)

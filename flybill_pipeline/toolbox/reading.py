"""Hands the tools to the reading of usage: the tables of engines first, then the landing zone. Decides nothing."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.settings import address_of_engine
from flybill_pipeline.steps.usage.pull_tables import PullReport, pull_tables
from flybill_pipeline.steps.usage.read_landing import LandingReport, read_landing
from flybill_pipeline.stores.pricing.price_books import load_price_books
from flybill_pipeline.toolbox.tools import Toolbox

if TYPE_CHECKING:
    from flybill_pipeline.stores.usage.engines.day_totals import EngineTable
    from flybill_pipeline.stores.usage.intake.source_mapping import SourceMapping

COMPARED = timedelta(days=1)
"""How often all of a table is compared with what came of it: the engine reads each row of it."""
COMPARED_TO_CLOSE = timedelta(minutes=45)
"""The same while a month waits to be closed."""


def tables_of(sources: Iterable["SourceMapping"]) -> "Sequence[EngineTable]":
    """The tables of those sources whose usage stays in an engine; none is asked yet."""
    tables = [(source, source.table) for source in sources if source.table]
    if not tables:
        return ()
    # Imported where there is one: Ibis takes a second.
    from flybill_pipeline.stores.usage.engines.day_totals import EngineTable

    return [EngineTable(source, table, address_of_engine) for source, table in tables]


class EngineTables:
    """The tables of a deployment's sources."""

    def __init__(self, tools: Toolbox) -> None:
        self._tools = tools

    def all(self) -> "Sequence[EngineTable]":
        """One for each source that has a table."""
        return tables_of(self._tools.sources.values())

    def not_sums(self) -> Mapping[str, str]:
        """The meters of price books, of any time and currency, that are no sums, and what they are."""
        books = load_price_books(self._tools.settings.prices).books
        meters = (meter for book in books for meter in book.meters.values())
        return {meter.name: meter.aggregation.value for meter in meters if not meter.aggregation.is_told_by_sums}


def pull(tools: Toolbox) -> PullReport:
    """Lands the totals of days with new rows, of every table, and at times of those that changed otherwise."""
    tables = EngineTables(tools)
    if not tables.all():
        return PullReport()
    whole_since = tools.now() - (COMPARED_TO_CLOSE if _month_waits(tools) else COMPARED)
    return pull_tables(tables, tools.landing, tools.pulled_tables, tools.now(), whole_since)


def _month_waits(tools: Toolbox) -> bool:
    """Whether a month has ended that is not decided for all."""
    open_months = tools.open_months
    return open_months.first() is None or bool(open_months.before(Month.of(tools.now())))


def read_usage(tools: Toolbox) -> LandingReport:
    """Reads everything that has come."""
    pulled = pull(tools)
    return read_landing(tools.landing, tools.lake, tools.catalog, tools.now(), pulled)

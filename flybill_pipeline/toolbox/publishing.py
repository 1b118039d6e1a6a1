"""Publishing the lake with this deployment's tools. What is published, in which order: `steps/usage/publish_lake`."""

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flybill_pipeline.steps.usage.publish_lake import PublishReport, publish_lake
from flybill_pipeline.stores.invoicing.priced_months import PricedMonths
from flybill_pipeline.toolbox.tools import Toolbox

if TYPE_CHECKING:
    from flybill_pipeline.stores.usage.published.ledger import PublishedLedger
    from flybill_pipeline.stores.usage.published.open_tables import OpenTables

OFF = "off"


def publishes(tools: Toolbox) -> bool:
    """Whether the lake is to be published at all."""
    return tools.settings.lake_catalog != OFF


def publish(tools: Toolbox) -> PublishReport | None:
    """Brings the open tables to what the ledger says, and sweeps what is kept of usage and needed no more; None where
    nothing is published.

    Last of all it looks whether a bucket still has what is needed. Raises LakeError, or what the catalog raises.
    """
    if not publishes(tools):
        return None
    from flybill_pipeline.stores.usage.months.kept_files import sweep_kept

    priced = PricedMonths(tools.engine)
    report = publish_lake(_tables(tools), _ledger(tools), priced, tools.catalog, tools.now())
    swept = sweep_kept(tools.lake, tools.usage.levels_of, [priced.days(name) for _, name in priced.all()], tools.now())
    return replace(report, swept_kept=swept, sent_again=_mend(tools, priced) if tools.lake_storage.is_copy else 0)


def _mend(tools: Toolbox, priced: PricedMonths) -> int:
    """Sends what today's usage, or an invoice, was made of and the bucket has lost."""
    from flybill_pipeline.stores.usage.lake.pinned_catalog import PinnedCatalog

    usages = [_ledger(tools).compiled(), *(priced.days(name) for _, name in priced.all())]
    files = {file for versions in usages for file in PinnedCatalog(tools.engine, versions).needs()}
    return tools.lake.guard.mend(sorted(files | _ledger(tools).rejects().keys()))


def mark(tools: Toolbox) -> str:
    """Changes whenever there is something to publish. Looks at no table."""
    named = [_ledger(tools).mark(), *map(str, PricedMonths(tools.engine).all())]
    return hashlib.sha256("\n".join(named).encode()).hexdigest()[:16]


def unequal_days(tools: Toolbox) -> list[dict[str, Any]]:
    """The days that have another number of events in the tables than the ledger counts."""
    if not publishes(tools):
        return []
    ledger, tables = _ledger(tools), _tables(tools)
    with tools.catalog.working_on("publication"), tables.opened():
        counted, there = ledger.counted(tables.published(ledger.compiled())), tables.counted()
    return [
        {
            "day": str(day),
            "events by the ledger": rows,
            "rows of events less left_out": there[day][0],
            "events by daily": there[day][1],
        }
        for day, rows in counted.items()
        if there[day] != (rows, rows)
    ]


def _ledger(tools: Toolbox) -> "PublishedLedger":
    from flybill_pipeline.stores.usage.published.ledger import PublishedLedger

    return PublishedLedger(tools.engine)


def _tables(tools: Toolbox) -> "OpenTables":
    from flybill_pipeline.stores.usage.published.open_tables import OpenTables

    return OpenTables(tools.lake_storage, tools.engine, tools.settings.lake_catalog)

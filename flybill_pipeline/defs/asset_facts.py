"""What the UI tells of each asset besides its description: what it writes, which table, how fresh it must be, its code.

One table for all of them, so that none is forgotten. What an asset does, and its checks, are not here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

import dagster as dg

import flybill_pipeline
from flybill_pipeline.stores.invoicing.tables import invoices, line_items
from flybill_pipeline.stores.payments.tables import payment_observations
from flybill_pipeline.stores.postgres.columns import TableFacts, facts_of
from flybill_pipeline.stores.sync.tables import stripe_sync


@dataclass(frozen=True, slots=True)
class AssetFacts:
    """`writes` is a tag to filter by; `table` the one whose rows the asset makes.

    `late_after` is how old it may become before the UI says that it is late, in yellow; in red after three times that.
    """

    writes: Literal["lake", "ledger", "stripe", "files", "nothing"]
    table: TableFacts | None = None
    late_after: timedelta | None = None


ASSETS = {
    "landed_files": AssetFacts("lake", late_after=timedelta(hours=12)),
    "raw_usage": AssetFacts("lake"),
    "daily_usage": AssetFacts("lake"),
    "open_lake": AssetFacts("lake"),
    "monthly_line_items": AssetFacts("ledger", facts_of(line_items)),
    "finalized_invoices": AssetFacts("ledger", facts_of(invoices)),
    "verified_invoices": AssetFacts("nothing"),
    "stripe_invoices": AssetFacts("stripe", facts_of(stripe_sync)),
    "stripe_reconciliation": AssetFacts("nothing"),
    "stripe_payments": AssetFacts("ledger", facts_of(payment_observations), timedelta(hours=1)),
    "failed_org_months": AssetFacts("stripe"),
    "billed_month": AssetFacts("nothing"),
    "focus_exports": AssetFacts("files"),
}


def told(assets: Sequence[dg.AssetsDefinition], code_url: str | None) -> Sequence[dg.AssetsDefinition]:
    """The assets with what the table says, and with links to their code: at `code_url`, else on this machine.

    `code_url` is a code host's page of the files of a branch or tag, such as https://github.com/you/flybill/tree/main.
    """
    with_facts = [asset.map_asset_specs(_with_facts) for asset in assets]
    return _linked(dg.with_source_code_references(with_facts), code_url)  # type: ignore[return-value]


def _with_facts(spec: dg.AssetSpec) -> dg.AssetSpec:
    facts = ASSETS[spec.key.to_user_string()]
    merged = spec.merge_attributes(tags={"flybill/writes": facts.writes}, metadata=_of_table(facts.table))
    return merged if facts.late_after is None else merged.replace_attributes(freshness_policy=_fresh(facts.late_after))


def _of_table(table: TableFacts | None) -> dict[str, object]:
    if table is None:
        return {}
    columns = [
        dg.TableColumn(each.name, each.type, each.says, dg.TableColumnConstraints(nullable=each.nullable))
        for each in table.columns
    ]
    return {"dagster/table_name": table.name, "dagster/column_schema": dg.TableSchema(columns)}


def _fresh(late_after: timedelta) -> dg.FreshnessPolicy:
    return dg.FreshnessPolicy.time_window(warn_window=late_after, fail_window=3 * late_after)


def _linked(assets: Sequence[object], code_url: str | None) -> Sequence[object]:
    if code_url is None:
        return assets
    repository, _, branch = code_url.partition("/tree/")
    here = Path(str(flybill_pipeline.__file__))
    return dg.link_code_references_to_git(
        assets,  # type: ignore[arg-type]
        git_url=repository.removesuffix("/-"),
        git_branch=branch,
        platform="gitlab" if repository.endswith("/-") else "github",
        file_path_mapping=dg.AnchorBasedFilePathMapping(here, "/".join(here.parts[-2:])),
    )

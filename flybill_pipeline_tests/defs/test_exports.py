"""The asset that writes what was billed: a folder for each organization, the same when it runs again."""

from pathlib import Path

import dagster as dg

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.defs.assets.exports import export_assets
from flybill_pipeline.defs.partitions import Partitions
from flybill_pipeline.toolbox.tools import Toolbox
from flybill_pipeline_tests.stores.billing_world import BillingWorld


def test_a_month_becomes_a_folder_for_each_organization_that_was_billed(
    tools: Toolbox, world: BillingWorld, home: Path
) -> None:
    world.draft({"acme": 1200, "bolt": 0})
    world.finalize()
    for _ in range(2):
        result = dg.materialize(
            export_assets(Partitions(Month(2025, 1), 1)), partition_key="2025-10", resources={"toolbox": tools}
        )
        (made,) = result.asset_materializations_for_node("focus_exports")
        assert made.metadata["dagster/partition_row_count"].value == 1
    (folder,) = (home / "exports" / "focus" / "2025-10").iterdir()
    assert (folder.name, len(list(folder.iterdir()))) == ("acme", 4)
    assert (folder / "invoice_detail.csv").read_text().splitlines()[1].startswith("12.0,acme,USD,")

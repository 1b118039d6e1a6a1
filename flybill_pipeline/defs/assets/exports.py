"""What was billed in a month, as files for the tools of others. What stands in them, `exports` knows."""

import dagster as dg

from flybill_pipeline.defs.assets import OWNERS
from flybill_pipeline.defs.metadata.billing import exported_metadata
from flybill_pipeline.defs.partitions import Partitions, read_month
from flybill_pipeline.exports.focus.datasets import month_folder, write_all
from flybill_pipeline.questions.billed import billed_in
from flybill_pipeline.toolbox.tools import Toolbox


def export_assets(partitions: Partitions) -> list[dg.AssetsDefinition]:
    """`focus_exports`."""

    @dg.asset(
        partitions_def=partitions.months,
        group_name="billing",
        kinds={"csv"},
        owners=OWNERS,
        deps=[dg.AssetDep("finalized_invoices", partition_mapping=dg.MultiToSingleDimensionPartitionMapping("month"))],
    )
    def focus_exports(
        context: dg.AssetExecutionContext, toolbox: dg.ResourceParam[Toolbox]
    ) -> dg.MaterializeResult[None]:
        """What each organization was billed in the month, as the datasets of FOCUS 1.4: a folder for each."""
        month, settings = read_month(context.partition_key), toolbox.settings
        written = write_all(billed_in(toolbox, month), settings.provider_name, settings.exports)
        return dg.MaterializeResult(metadata=exported_metadata(written, month_folder(settings.exports, month)))

    return [focus_exports]

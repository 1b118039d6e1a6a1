"""Asset checks, one file for each part of the flow: what must be true, with the offenders as evidence. They only read.

A check is one value (`check.py`) in `CHECKS`: Dagster's definitions, severities and alerts are made from it. What stops
money is a blocking check here AND refused by the code itself: a check that crashes is no gate.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from flybill_pipeline.defs.checks.billing import BILLING_CHECKS
from flybill_pipeline.defs.checks.check import Check
from flybill_pipeline.defs.checks.month import MONTH_CHECKS
from flybill_pipeline.defs.checks.stripe import STRIPE_CHECKS
from flybill_pipeline.defs.checks.usage import USAGE_CHECKS
from flybill_pipeline.defs.partitions import Partitions
from flybill_pipeline.toolbox.tools import Toolbox

CHECKS: tuple[Check[Any], ...] = (*USAGE_CHECKS, *BILLING_CHECKS, *STRIPE_CHECKS, *MONTH_CHECKS)


def checks(partitions: Partitions) -> list[dg.AssetChecksDefinition]:
    """Looks at every check but those that their asset looks at by itself: the checks of one asset in one go."""
    looked_at = [check for check in CHECKS if check.look is not None]
    assets = dict.fromkeys(check.asset for check in looked_at)
    return [_together([check for check in looked_at if check.asset == asset], partitions) for asset in assets]


def _together(of_asset: Sequence[Check[Any]], partitions: Partitions) -> dg.AssetChecksDefinition:
    asset, cut = of_asset[0].asset, of_asset[0].cut

    @dg.multi_asset_check(name=f"checks_of_{asset}", specs=[check.spec(partitions) for check in of_asset])
    def looks(
        context: dg.AssetCheckExecutionContext, toolbox: dg.ResourceParam[Toolbox]
    ) -> Iterator[dg.AssetCheckResult]:
        part = cut.read(context.partition_key if context.has_partition_key else "")
        for check in of_asset:
            if check.look is not None:
                yield check.result(check.look(toolbox, part))

    return looks

"""Asset checks, one file for each part of the flow: what must be true, with the offenders as evidence. They only read.

What stops money is a blocking check here AND refused by the code itself: a check that crashes is no gate.
"""

import dagster as dg

from flybill_pipeline.defs.checks.billing import billing_checks
from flybill_pipeline.defs.checks.stripe import stripe_checks
from flybill_pipeline.defs.checks.usage import usage_checks
from flybill_pipeline.defs.partitions import Partitions


def checks(partitions: Partitions) -> list[dg.AssetChecksDefinition]:
    """All checks but `totals_match_stripe`, which belongs to its asset."""
    return [*usage_checks(partitions), *billing_checks(partitions), *stripe_checks(partitions)]

"""What became of the invoices at Stripe. What an event means, the billing core knows; how it is read, the step."""

import dagster as dg

from flybill_pipeline.defs.assets import OWNERS
from flybill_pipeline.defs.metadata.stripe import payments_metadata
from flybill_pipeline.steps.payments.read_payments import read_payments
from flybill_pipeline.toolbox.tools import Toolbox


def payment_assets() -> list[dg.AssetsDefinition]:
    """`stripe_payments`."""
    # Not in the pool `stripe`: money that arrives must not wait until a month is synced; the step lets one at a time.
    return [stripe_payments]


@dg.asset(group_name="stripe", kinds={"stripe", "postgres"}, owners=OWNERS, deps=["stripe_invoices"])
def stripe_payments(toolbox: dg.ResourceParam[Toolbox]) -> dg.MaterializeResult[None]:
    """Payments, failures, disputes, refunds and credit notes of our invoices, as Stripe's events tell them.

    Reads on from a cursor; where the events are gone (Stripe keeps 30 days), the invoices themselves are read.
    """
    report = read_payments(intake=toolbox.payment_intake, stripe=toolbox.payment_events, clock=toolbox.stripe_now)
    toolbox.keep_stripes_clock()
    if report.failure is not None:
        raise dg.Failure(f"Payments could not be read: {report.failure.message}", allow_retries=False)
    return dg.MaterializeResult(metadata=payments_metadata(report))

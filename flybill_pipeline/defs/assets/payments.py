"""What became of the invoices at Stripe. What an event means, the billing core knows; how it is read, the step."""

import dagster as dg

from flybill_pipeline.defs.metadata import Metadata, money
from flybill_pipeline.steps.payments.read_payments import PaymentsReport, read_payments
from flybill_pipeline.toolbox.tools import Toolbox


def payment_assets() -> list[dg.AssetsDefinition]:
    """`stripe_payments`."""
    # Not in the pool `stripe`: money that arrives must not wait until a month is synced; the step lets one at a time.
    return [stripe_payments]


@dg.asset(group_name="stripe", kinds={"stripe", "postgres"}, owners=["team:billing"], deps=["stripe_invoices"])
def stripe_payments(toolbox: dg.ResourceParam[Toolbox]) -> dg.MaterializeResult[None]:
    """Payments, failures, disputes, refunds and credit notes of our invoices, as Stripe's events tell them.

    Reads on from a cursor; where the events are gone (Stripe keeps 30 days), the invoices themselves are read.
    """
    report = read_payments(intake=toolbox.payment_intake, stripe=toolbox.payment_events, clock=toolbox.now)
    if report.failure is not None:
        raise dg.Failure(f"Payments could not be read: {report.failure.message}", allow_retries=False)
    return dg.MaterializeResult(metadata=_metadata(report))


def _metadata(report: PaymentsReport) -> Metadata:
    """What was read, what of it was new, and the money of invoices that were newly seen as paid."""
    source = "the objects themselves: Stripe's events do not reach back far enough" if report.fell_back else "events"
    return {
        "dagster/row_count": report.kept.new,
        "read from": "nothing, another run is reading" if report.busy else source,
        "events read": report.read,
        "new observations": report.kept.new,
        "about invoices that are not ours": report.kept.not_ours,
        "could not be read": ", ".join(report.unreadable) or "none",
        "cursor": report.read_up_to.isoformat() if report.read_up_to else "never read",
        **money(report.kept.arrived, "newly paid"),
    }

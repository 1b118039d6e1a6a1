"""A close that was refused, or not done for everybody, as a failure of its run. When it may be done, the step says."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from flybill_pipeline.billing.alerts.problems import named
from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.usage.backlog import WHO_READS
from flybill_pipeline.defs.close_began import wait_for_usage
from flybill_pipeline.defs.metadata.billing import finalize_metadata
from flybill_pipeline.steps.invoicing.finalize_invoices import FinalizeReport, MonthStillOpenError, UsageNotReadError


@contextmanager
def refusals(context: dg.AssetExecutionContext, part: ShardMonth) -> Iterator[None]:
    """Fails the run with the sentence of a refusal. One that waits for usage is noted, so that it is brought back."""
    try:
        yield
    except MonthStillOpenError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    except UsageNotReadError as error:
        wait_for_usage(context.instance, context.run, part.landed_by or part.now)
        raise dg.Failure(f"{error} {WHO_READS.format(month=part.month)}", allow_retries=False) from error


def require_all_decided(report: FinalizeReport, month: Month) -> None:
    """Fails the run when organizations were left out: a retry prices them again."""
    if report.left_out:
        raise dg.Failure(
            f"Nothing is decided for {named(report.left_out, 'organization')}: after they were priced, another month "
            f"of theirs was settled. retry_failed_partitions prices them again, and so does `flybill close {month}`.",
            finalize_metadata(report),
            allow_retries=False,
        )

"""What starts a reading of payments by itself. It asks Stripe one question and the database two; it writes nothing."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg

from flybill_pipeline.billing.sync.values import Failure
from flybill_pipeline.defs.described import sensor
from flybill_pipeline.defs.jobs import READ_PAYMENTS
from flybill_pipeline.toolbox.tools import Toolbox

QUIET = timedelta(minutes=10)
"""How long payments go unread when nothing seems to be new: an event that shows up late is never the newest."""

NEVER = datetime.fromtimestamp(0, UTC)


def payment_sensor(status: dg.DefaultSensorStatus, every: int) -> dg.SensorDefinition:
    """`stripe_events`."""

    @sensor(job_name=READ_PAYMENTS, minimum_interval_seconds=every, default_status=status)
    def stripe_events(toolbox: dg.ResourceParam[Toolbox]) -> Iterator[dg.RunRequest | dg.SkipReason]:
        """Asks Stripe for its newest event about payments, one call; where it is not known, all that is new is read.

        A request is keyed by that event, so it is made once; after a failure also by the attempt, so it is made again.
        What is not read for long is asked for again and again: whatever became of the run that was to read it.
        Where Stripe refuses the question, a run each hour meets the same, and puts on record why.
        """
        newest = toolbox.payment_events.newest()
        if isinstance(newest, Failure) and newest.kind == "same_key":
            yield dg.SkipReason(f"Stripe's events cannot be read: {newest.message}")
            return
        if isinstance(newest, Failure):
            yield dg.RunRequest(run_key=f"refused {toolbox.stripe_now():%Y-%m-%dT%H}")
            return
        poll = toolbox.payment_intake.poll()
        failed = f":{poll.tried_at}" if poll.failing_since else ""
        unread = toolbox.stripe_now() - (poll.read_up_to or NEVER)
        if abs(unread) > QUIET:
            yield dg.RunRequest(run_key=f"after {poll.read_up_to}, {unread // QUIET}{failed}")
        elif newest.value is None or newest.value in toolbox.payment_intake.known([newest.value]):
            yield dg.SkipReason("nothing new about payments")
        else:
            yield dg.RunRequest(run_key=f"{newest.value}{failed}")

    return stripe_events

"""What waits for customers and for the platform is sent: by a sensor, and by who has just billed something.

It asks for no run: a warning must not wait in a queue.
"""

from functools import partial

import dagster as dg

from flybill_pipeline.defs.described import sensor
from flybill_pipeline.questions.told_events import event_data
from flybill_pipeline.steps.alerts.send_events import Platform, Sent, send_events
from flybill_pipeline.toolbox.telling import mail
from flybill_pipeline.toolbox.tools import Toolbox


def outgoing_sensor(status: dg.DefaultSensorStatus, every: int) -> dg.SensorDefinition:
    """`outgoing`."""

    @sensor(minimum_interval_seconds=every, default_status=status)
    def outgoing(toolbox: dg.ResourceParam[Toolbox]) -> dg.SkipReason:
        """Sends what was written to customers, and events to the platform; what is not taken is sent again later."""
        mailed, sent = mail(toolbox), send(toolbox)
        return dg.SkipReason(
            f"{mailed.sent} mails sent, {mailed.failed} failed; {sent.delivered} events delivered, {sent.failed} failed"
        )

    return outgoing


def send(tools: Toolbox) -> Sent:
    """Sends the events that are due to the platform, where it has an address."""
    endpoint, source = tools.platform, f"{tools.settings.web_url}/"
    platform = Platform(endpoint, source, partial(event_data, tools)) if endpoint else None
    return send_events(tools.events, platform, tools.now)

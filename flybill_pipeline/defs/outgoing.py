"""The sensor that sends what waits for customers. It asks for no run: a warning must not wait in a queue."""

import dagster as dg

from flybill_pipeline.defs.described import sensor
from flybill_pipeline.toolbox.telling import mail
from flybill_pipeline.toolbox.tools import Toolbox


def outgoing_sensor(status: dg.DefaultSensorStatus, every: int) -> dg.SensorDefinition:
    """`outgoing`."""

    @sensor(minimum_interval_seconds=every, default_status=status)
    def outgoing(toolbox: dg.ResourceParam[Toolbox]) -> dg.SkipReason:
        """Sends what was written to customers when a budget was reached; what does not arrive is sent again later."""
        mailed = mail(toolbox)
        return dg.SkipReason(f"{mailed.sent} mails sent, {mailed.failed} failed")

    return outgoing

"""The sensor that tells people of problems. It asks for no run: an alert must not wait in the queue that is stuck."""

import dagster as dg

from flybill_pipeline.defs.dagster_problems import dagster_problems
from flybill_pipeline.defs.described import sensor
from flybill_pipeline.defs.partitions import Partitions
from flybill_pipeline.defs.sensors import LOOKED_BACK
from flybill_pipeline.steps.alerts.find_problems import find_problems
from flybill_pipeline.steps.alerts.find_undelivered import find_undelivered
from flybill_pipeline.steps.alerts.find_unread_payments import find_unread_payments
from flybill_pipeline.steps.alerts.tell_problems import tell_problems
from flybill_pipeline.toolbox.tools import Toolbox


def alert_sensor(partitions: Partitions, status: dg.DefaultSensorStatus, every: int) -> dg.SensorDefinition:
    """`alerts`."""

    @sensor(minimum_interval_seconds=every, default_status=status)
    def alerts(context: dg.SensorEvaluationContext, toolbox: dg.ResourceParam[Toolbox]) -> dg.SkipReason:
        """One message for a problem, whatever the number of its runs: when it begins, when it is over, and if it is
        urgent every day.
        """
        now, ledger = toolbox.now(), toolbox.sync_ledger
        openings, overdue = ledger.breaker.openings(now - LOOKED_BACK), toolbox.overdue_months()
        stopped, clock = ledger.breaker.state(now), ledger.clock.reading()
        problems = [
            *find_problems(toolbox.troubles, toolbox.usage_health, overdue, stopped, now, clock),
            *find_unread_payments(toolbox.payment_intake, now),
            *find_undelivered(toolbox.events, toolbox.letters, now),
            *dagster_problems(context.instance, toolbox, partitions, openings, now),
        ]
        report = tell_problems(problems, toolbox.problem_ledger, toolbox.channels, now, toolbox.ui_url)
        for problem in toolbox.problem_ledger.undelivered():
            context.log.error(f"not delivered by {problem['channel']}: {problem['error']}")
        where = "" if toolbox.channels else "; nobody is told: no channel is set up"
        return dg.SkipReason(f"{len(problems)} problems, {report.sent} messages sent, {report.failed} failed{where}")

    return alerts

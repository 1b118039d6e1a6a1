"""What a schedule starts again and again, and what fails each time: nobody else would say so. Words for people."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import dagster as dg

from flybill_pipeline.billing.alerts.problems import Problem, named
from flybill_pipeline.defs.jobs import EXPORT_MONTH, PRICE_MONTH, RECONCILE_MONTH, SHOW_MONTH, VERIFY_MONTH
from flybill_pipeline.defs.old_runs import FINISHED, FORGET_OLD_RUNS
from flybill_pipeline.setting_values import MOST_SHARDS

FAILURE = dg.DagsterRunStatus.FAILURE


@dataclass(frozen=True, slots=True)
class Repeated:
    """A job that a schedule starts once `within` that time, or more often. After so many `failures` in a row it is
    told that `what` is not done, and `who` lacks it.
    """

    job: str
    within: timedelta
    failures: int
    what: str
    who: str


DAILY = timedelta(hours=26)
REPEATED = (
    Repeated(
        PRICE_MONTH,
        DAILY,
        2,
        "the running month is not priced",
        "who set a budget: it is compared with older drafts. Pages and `owes` price at that moment",
    ),
    Repeated(RECONCILE_MONTH, DAILY, 1, "invoices are not compared with Stripe's own list", "nobody so far"),
    Repeated(EXPORT_MONTH, DAILY, 1, "the files for FinOps tools are not written", "whoever reads them"),
    Repeated(VERIFY_MONTH, timedelta(days=8), 1, "invoices are not priced again to prove them", "nobody so far"),
    Repeated(SHOW_MONTH, DAILY, 2, "the page of a month is not made again", "whoever looks there first: it is old"),
    Repeated(FORGET_OLD_RUNS, DAILY, 1, "Dagster's history is not kept small", "nobody yet: it takes room"),
)


def failing_schedules(instance: dg.DagsterInstance, now: datetime) -> Iterator[Problem]:
    """Those whose newest runs failed. What was not tried for longer than its schedule waits is not told any more."""
    for each in REPEATED:
        since = now - each.within
        if not instance.get_run_ids(dg.RunsFilter(job_name=each.job, statuses=[FAILURE], created_after=since), limit=1):
            continue  # as nearly always: then the runs of all shards are not read
        recent = dg.RunsFilter(job_name=each.job, statuses=FINISHED, created_after=since)
        ends: dict[str, list[bool]] = {}
        for run in instance.get_runs(recent, limit=MOST_SHARDS * each.failures):
            ends.setdefault(run.tags.get("dagster/partition", each.job), []).append(run.status == FAILURE)
        failing = sorted(key for key, last in ends.items() if len(last) >= each.failures and all(last[: each.failures]))
        if failing:
            yield Problem(
                key=f"runs/{each.job}",
                title=each.what,
                what=f"The last run of {named(failing, 'partition')} failed; its log says why. It is tried again.",
                who=each.who,
                cost="",
                remedy=f"Mend what the log of the last failed run of {each.job} names.",
                urgent=False,
            )

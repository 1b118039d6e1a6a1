"""Finds what a person should know of, from the ledger and the lake: one problem for many organizations and runs.

What only Dagster knows (failed checks, shards that were given up) comes from defs. Telling: tell_problems.py.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import starmap
from typing import Any, Protocol

from flybill_pipeline.billing.alerts.problems import Problem, named
from flybill_pipeline.billing.money.amounts import format_money
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.sync.breaker import OpenBreaker
from flybill_pipeline.billing.sync.clocks import CLOCK_REMEDY, ClockReading
from flybill_pipeline.steps.usage.watch_usage import Arrivals, bad_rows, silent_sources

TOLD_AFTER = timedelta(hours=6)
"""An invoice that Stripe has not taken for so long, and that no person is asked about yet, is worth a message."""

Group = Mapping[str, Any]
"""Organizations of one month with the same trouble: month, code, message, remedy, org_ids, totals by currency."""


class Troubles(Protocol):
    """Organizations whose month waits, grouped by why."""

    def held(self) -> Sequence[Group]: ...
    def blocked(self) -> Sequence[Group]: ...
    def waiting(self, before: datetime) -> Sequence[Group]: ...


def find_problems(
    troubles: Troubles,
    arrivals: Arrivals,
    overdue: Mapping[Month, int],
    breaker: OpenBreaker | None,
    now: datetime,
    clock: ClockReading | None = None,
) -> list[Problem]:
    """Everything that is wrong now, the most urgent first. While `breaker` is open, what waits for Stripe is one.

    `overdue` are the months that are not closed though their closing day is over, with how many organizations wait;
    `clock` is Stripe's clock beside ours.
    """
    waiting = troubles.waiting(now - TOLD_AFTER if breaker is None else now)
    problems = [
        *(_for_a_person(group, "held", "held") for group in troubles.held()),
        *(_for_a_person(group, "blocked", "refused by Stripe") for group in troubles.blocked()),
        *([_stopped(breaker, waiting)] if breaker else map(_waiting, waiting)),
        *starmap(_not_closed, overdue.items()),
        *([_wrong_clock(clock)] if clock is not None and clock.wrong else []),
        *_arrivals(arrivals, now),
    ]
    return sorted(problems, key=lambda problem: not problem.urgent)


def _for_a_person(group: Group, kind: str, state: str) -> Problem:
    count = len(group["org_ids"])
    return Problem(
        key=f"{kind}/{group['month']}/{group['code']}",
        title=f"{group['month']}: {count} organization{'' if count == 1 else 's'} {state} ({group['code']})",
        what=group["message"],
        who=named(group["org_ids"], "organization"),
        cost=_money(group["totals"]),
        remedy=group["remedy"],
    )


def _stopped(breaker: OpenBreaker, waiting: Sequence[Group]) -> Problem:
    totals: Counter[str] = Counter()
    for group in waiting:
        totals.update(group["totals"])
    orgs = sorted({org for group in waiting for org in group["org_ids"]})
    refused = f"{breaker.orgs} organizations alike" if breaker.orgs > 1 else "our calls"
    title = "Stripe does not answer" if breaker.cause == "outage" else f"Stripe refuses {refused}"
    return Problem(
        key=f"breaker/{breaker.cause}",
        title=f"{title}: no invoices are sent",
        what=breaker.sentence,
        who=named(orgs, "organization") if orgs else "nobody yet: no invoice waits",
        cost=_money(totals),
        remedy=breaker.remedy,
    )


def _wrong_clock(clock: ClockReading) -> Problem:
    return Problem(
        key="clock",
        title="the clock of this machine is not Stripe's",
        what=clock.sentence,
        who="months that begin and end by this clock, and everything that waits for a time",
        cost="",
        remedy=CLOCK_REMEDY,
    )


def _waiting(group: Group) -> Problem:
    hours = TOLD_AFTER // timedelta(hours=1)
    return Problem(
        key=f"waiting/{group['month']}/{group['code']}",
        title=f"{group['month']}: invoices have waited for Stripe for more than {hours} hours",
        what=group["message"] or "They are finalized here, and no run has brought them to Stripe.",
        who=named(group["org_ids"], "organization"),
        cost=_money(group["totals"]),
        remedy="See that the sensor retry_failed_partitions is on and Stripe is up; then materialize the red shards.",
    )


def _not_closed(month: Month, waiting: int) -> Problem:
    return Problem(
        key=f"not_closed/{month}",
        title=f"{month} is not closed",
        what="Its closing day is over, and organizations have no outcome for it.",
        who=f"{waiting:,} organization{'' if waiting == 1 else 's'}",
        cost="",
        remedy=f"Run `flybill close {month}`, or materialize its shards; a shard that failed says why in its last run.",
    )


def _arrivals(arrivals: Arrivals, now: datetime) -> Iterator[Problem]:
    bad = bad_rows(arrivals, now)
    if bad.broken:
        yield Problem(
            key="broken_files",
            title=f"{named([each['file'] for each in bad.broken], 'usage file')} cannot be read",
            what=str(bad.broken[0]["what happened"]),
            who="whoever used what the files tell of",
            cost="",
            remedy=str(bad.broken[0]["what to do"]),
        )
    if bad.worst and not bad.tolerable:
        shares = [f"{each['source']} {each['share']}" for each in bad.sources if each["in quarantine"]]
        yield Problem(
            key="quarantine",
            title=f"rows in quarantine: {', '.join(shares)}",
            what="Rows of the last seven days could not be read as usage; they are kept, with a reason each.",
            who="whoever used what the rows tell of",
            cost="",
            remedy="See `flybill quarantine`; mend the exporter or the mapping, and land the rows in a new file.",
            urgent=bad.alarming,
        )
    for silent in silent_sources(arrivals, now):
        yield Problem(
            key=f"silent/{silent['source']}",
            title=f"source {silent['source']} is silent",
            what=f"It delivers daily, and sent nothing for {silent['silent days']}.",
            who="whoever used what it measures",
            cost="",
            remedy="Ask its owner. What comes later is billed later, within the look-back.",
            urgent=False,
        )


def _money(totals: Mapping[str, int]) -> str:
    return ", ".join(format_money(minor, currency) for currency, minor in sorted(totals.items()))

"""What starts runs by itself: new files, and shards that a machine may retry. Sensors write no table, send nothing."""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.usage.backlog import Landing
from flybill_pipeline.defs.checks.check import Finding
from flybill_pipeline.defs.checks.stripe import RETRIES_LEFT
from flybill_pipeline.defs.close_began import RETRY_TAG, close_began, waits_for_usage
from flybill_pipeline.defs.described import sensor
from flybill_pipeline.defs.jobs import CLOSE_MONTH, CLOSING_ASSETS, INGEST_USAGE, READ_LANDED_FILES, Requests
from flybill_pipeline.defs.later_checks import last_results, record_check
from flybill_pipeline.defs.partitions import Partitions, month_shard_key, read_month_shard
from flybill_pipeline.defs.run_keys import again
from flybill_pipeline.toolbox.tools import Toolbox

EVERY_SECONDS = 60
RETRIED_MONTHS = 3
LOOKED_BACK = RETRIED_MONTHS * timedelta(days=31)
MOST_ATTEMPTS = 6
MOST_PER_TICK = 4
LOOK_AGAIN_AFTER = timedelta(minutes=15)
"""How often tables in engines are looked at."""
FIRST_RETRY_WAIT = timedelta(minutes=1)
LONGEST_RETRY_WAIT = timedelta(hours=1)
Openings = Sequence[tuple[datetime, datetime | None]]
"""When calls to Stripe were stopped for everybody, and when they were let through again."""


def sensors(
    partitions: Partitions, status: dg.DefaultSensorStatus = dg.DefaultSensorStatus.STOPPED, every: int = EVERY_SECONDS
) -> list[dg.SensorDefinition]:
    """`landed_files_arrived`, `days_to_record` and `retry_failed_partitions`, which look once in `every` seconds."""
    return [*_usage_sensors(partitions, status, every), _retry_sensor(partitions, status, every)]


def _usage_sensors(partitions: Partitions, status: dg.DefaultSensorStatus, every: int) -> Iterator[dg.SensorDefinition]:
    @sensor(job_name=READ_LANDED_FILES, minimum_interval_seconds=every, default_status=status)
    def landed_files_arrived(context: dg.SensorEvaluationContext, toolbox: dg.ResourceParam[Toolbox]) -> Requests:
        """New or changed files in the landing zone are read, all of them in one run; after a failure again.

        So is one that was cut off before it had compared the ids of all days. Tables that stay in an engine are looked
        at each quarter of an hour; as a whole once a day, or more often while a month waits to be closed.
        """
        unread = toolbox.unread_files() or toolbox.uncompared_pieces() or _tables_due(toolbox)
        if not unread:
            yield dg.SkipReason("nothing new has landed")
        else:
            named = hashlib.sha256("\n".join(unread).encode()).hexdigest()
            yield dg.RunRequest(run_key=again(context.instance, READ_LANDED_FILES, named))

    @sensor(job_name=INGEST_USAGE, minimum_interval_seconds=every, default_status=status)
    def days_to_record(context: dg.SensorEvaluationContext, toolbox: dg.ResourceParam[Toolbox]) -> Requests:
        """The days that newly read files touch, late days of old months too, are recorded and summed again."""
        days = toolbox.catalog.days_to_record()
        if not days:
            yield dg.SkipReason("every day is recorded as it was landed")
        for day in days:
            named = f"{day}:{toolbox.catalog.pieces_fingerprint(day)}"
            run_key = again(context.instance, INGEST_USAGE, named, day.isoformat())
            yield dg.RunRequest(run_key=run_key, **_asked(partitions, day))

    yield landed_files_arrived
    yield days_to_record


def _tables_due(toolbox: Toolbox) -> list[str]:
    """The tables that are to be looked at again, each named with its last time: no run is started twice for it."""
    behind = toolbox.tables_behind(toolbox.now() - LOOK_AGAIN_AFTER)
    return [f"table {name} {at}" for name, at in behind.items()]


def _asked(partitions: Partitions, day: date) -> dict[str, Any]:
    """What a run is asked for by: the key of the day, or its tag where it is older than what is shown here.

    Dagster would refuse the key of a day that these partitions lack, and with it all other days. The run loads the
    definitions again, and there the day is one of them.
    """
    key = day.isoformat()
    return {"partition_key": key} if Month.of(day) >= partitions.first_month else {"tags": {"dagster/partition": key}}


def _retry_sensor(partitions: Partitions, status: dg.DefaultSensorStatus, every: int) -> dg.SensorDefinition:
    @sensor(job_name=CLOSE_MONTH, minimum_interval_seconds=every, default_status=status)
    def retry_failed_partitions(
        context: dg.SensorEvaluationContext, toolbox: dg.ResourceParam[Toolbox]
    ) -> dg.SensorResult | dg.SkipReason:
        """Brings back the failed shards of the last closed months, each after a wait that doubles, a few at a time.

        A retry is keyed by the run that failed, so no failure is retried twice, whatever happens to this daemon. A run
        that a person or a schedule started begins the count again. What only a person can mend leaves no shard failed.
        While calls to Stripe are stopped for everybody it brings back one shard each time that a call may be tried,
        another one each time. What failed in that time counts as no attempt. Afterwards it brings back the shards with
        invoices that waited.
        What waited for usage is brought back when that is read and recorded, and counts as no attempt either.
        """
        now, breaker = datetime.now(UTC), toolbox.sync_ledger.breaker
        stopped = breaker.state(now)
        if stopped is not None and stopped.next_probe_at > now:
            return dg.SkipReason(stopped.sentence)
        failed = _failed_shards(context.instance, partitions, _retried_months(toolbox, partitions, now))
        failures = {key: _failures_in_a_row(context.instance, key) for key in failed}
        openings = breaker.openings(now - LOOKED_BACK)
        attempts = {key: _attempts(runs, openings) for key, runs in failures.items()}
        exhausted = [key for key in failures if attempts[key] >= MOST_ATTEMPTS]
        due = [
            key
            for key, runs in failures.items()
            if runs and attempts[key] < MOST_ATTEMPTS and _is_due(runs, attempts[key], now)
            if not _still_waits(toolbox, key, runs[0].dagster_run, now)
        ]
        if exhausted:
            context.log.error(f"given up after {MOST_ATTEMPTS} attempts, a person must look: {', '.join(exhausted)}")
        _tell_given_up(context.instance, partitions, {key: failures[key] for key in exhausted})
        given_up = f"; given up: {', '.join(exhausted)}" if exhausted else ""
        asked = due[:MOST_PER_TICK] if stopped is None else sorted(due, key=lambda key: _ended(failures[key]))[:1]
        requests = [_retry(key, failures[key], attempts[key]) for key in asked]
        requests += [] if stopped else _brought_back(toolbox, set(failed))
        return dg.SensorResult(
            run_requests=requests[:MOST_PER_TICK],
            skip_reason=None if requests else f"no failed shard is due{given_up}",
        )

    return retry_failed_partitions


def _retried_months(toolbox: Toolbox, partitions: Partitions, now: datetime) -> list[Month]:
    """The last closed months, and those that are open still, however old they are."""
    last = [Month.of(now).previous()]
    while len(last) < RETRIED_MONTHS:
        last.append(last[-1].previous())
    months = {*last, *toolbox.open_months.before(Month.of(now))}
    return sorted(month for month in months if month >= partitions.first_month)


def _failed_shards(instance: dg.DagsterInstance, partitions: Partitions, months: Sequence[Month]) -> list[str]:
    """The keys of the shards of these months whose last attempt failed, oldest month first."""
    shards = [int(shard) for shard in partitions.shards.get_partition_keys()]
    keys = [month_shard_key(month, shard) for month in months for shard in shards]
    failed: set[str] = set()
    for asset in CLOSING_ASSETS:
        statuses = instance.get_status_by_partition(dg.AssetKey(asset), keys, partitions.month_shards) or {}
        failed |= {key for key, status in statuses.items() if status == dg.AssetPartitionStatus.FAILED}
    return sorted(failed, key=read_month_shard)


def given_up(
    instance: dg.DagsterInstance, toolbox: Toolbox, partitions: Partitions, openings: Openings, now: datetime
) -> list[str]:
    """The keys of the failed shards that were tried so often that only a person brings them back."""
    failed = _failed_shards(instance, partitions, _retried_months(toolbox, partitions, now))
    return [key for key in failed if _attempts(_failures_in_a_row(instance, key), openings) >= MOST_ATTEMPTS]


def _still_waits(toolbox: Toolbox, key: str, failed: dg.DagsterRun, now: datetime) -> bool:
    """Whether what the run waited for is not yet read and recorded."""
    if not waits_for_usage(failed):
        return False
    month, _ = read_month_shard(key)
    return bool(toolbox.usage_backlog.unread(month, Landing(close_began(failed), now)))


def _tell_given_up(
    instance: dg.DagsterInstance, partitions: Partitions, failures: Mapping[str, Sequence[dg.RunRecord]]
) -> None:
    """A red check for each shard that is given up, once, as a result of its last run; one that succeeds is green."""
    known = last_results(instance, RETRIES_LEFT.key) if failures else {}
    for key, runs in failures.items():
        if known.get(key, True):
            finding = Finding(False, {"attempts": MOST_ATTEMPTS})
            record_check(instance, runs[0].dagster_run, partitions.month_shards, RETRIES_LEFT.evaluation(finding, key))


def _failures_in_a_row(instance: dg.DagsterInstance, key: str) -> Sequence[dg.RunRecord]:
    """The shard's failed runs, newest first, back to the one that was not a retry; empty while one is under way.

    Runs are found by partition, not by job: a backfill runs the same assets in a job of its own.
    """
    records = instance.get_run_records(dg.RunsFilter(tags={"dagster/partition": key}), limit=2 * MOST_ATTEMPTS)
    failures: list[dg.RunRecord] = []
    for record in records:
        if not record.dagster_run.is_finished:
            return []
        if record.dagster_run.status != dg.DagsterRunStatus.FAILURE:
            break
        failures.append(record)
        if RETRY_TAG not in record.dagster_run.tags:
            break
    return failures


def _attempts(failures: Sequence[dg.RunRecord], openings: Openings) -> int:
    """How many of these failures count: not those that Stripe, or usage that nobody had read yet, is to blame for."""
    return sum(not (waits_for_usage(run.dagster_run) or _meanwhile(run, openings)) for run in failures)


def _meanwhile(run: dg.RunRecord, openings: Openings) -> bool:
    """Whether calls to Stripe were stopped for everybody at some time of this run."""
    start, end = (datetime.fromtimestamp(moment or 0, UTC) for moment in (run.start_time, run.end_time))
    return any(opened <= end and (closed is None or start <= closed) for opened, closed in openings)


def _is_due(failures: Sequence[dg.RunRecord], attempts: int, now: datetime) -> bool:
    """Whether the wait is over; also where the last run ended far in the future, by a clock that was wrong."""
    wait: timedelta = min(FIRST_RETRY_WAIT * 2 ** (attempts - 1), LONGEST_RETRY_WAIT) if attempts else timedelta(0)
    ended = _ended(failures)
    return now >= ended + wait or ended - now > LONGEST_RETRY_WAIT


def _ended(failures: Sequence[dg.RunRecord]) -> datetime:
    """When the last of them ended."""
    return datetime.fromtimestamp(failures[0].end_time or 0, UTC)


def _brought_back(toolbox: Toolbox, failed: Collection[str]) -> Iterator[dg.RunRequest]:
    """The shards that did not fail, with invoices that waited for calls to be let through, once each time."""
    for month, shard, breaker in toolbox.sync_ledger.came_back():
        key = month_shard_key(Month.parse(month), shard)
        if key not in failed:
            yield dg.RunRequest(run_key=f"came-back:{key}:{breaker}", partition_key=key)


def _retry(key: str, failures: Sequence[dg.RunRecord], attempts: int) -> dg.RunRequest:
    failed = failures[0].dagster_run.run_id
    return dg.RunRequest(
        run_key=f"retry:{key}:{failed}",
        partition_key=key,
        tags={RETRY_TAG: failed, "flybill/attempt": str(attempts + 1)},
    )

"""Years of Dagster's history in seconds: runs that really ran are copied into the past, row by row, by Postgres.

What Dagster wrote of a run (the run, its tags, events, checks) is written again with another id, an earlier time and
another partition, so sizes, kinds and indexes are those of real history. Belongs here: copying. Not here: measuring.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import Connection, create_engine, text

from flybill_pipeline.billing.money.period import Month

FIRST_ID = 1_000_000_000
"""Of the rows that are really written: copies get lower ids, for Dagster takes the highest for the latest."""
ROOM = 20_000
"""Ids between the copies of one hour and those of the next: more than the rows that are copied together."""
TABLES = ("event_logs", "runs", "run_tags", "asset_event_tags", "asset_check_executions")
COMPARED_MONTHS = 3
"""How many closed months are compared with Stripe's list each morning: `reconcile_last_months` says so."""
RETAINED_DAYS = 2
"""How long ticks that asked for nothing are kept: dagster.yaml says so."""


@dataclass(frozen=True, slots=True)
class Copy:
    """The runs of a job that are to be found at another time as well, with `old` in their partition made `new`."""

    job: str
    status: str
    at: datetime
    old: str = ""
    new: str = ""


def leave_room(url: str) -> None:
    """Lets Dagster's tables count from a high number on; to be called before anything is written into them."""
    with create_engine(url).begin() as connection:
        for table in TABLES:
            connection.execute(text(f"alter sequence {table}_id_seq restart with {FIRST_ID}"))


def sensors_seen(url: str) -> int:
    """How many sensors have looked and asked for nothing: their ticks are copied."""
    with create_engine(url).begin() as connection:
        query = "select count(distinct selector_id) from job_ticks where type = 'SENSOR' and status = 'SKIPPED'"
        return int(connection.scalar(text(query)) or 0)


def copies(months: int, rounds: int, now: datetime, kept: timedelta | None = None) -> Iterator[Copy]:
    """What a deployment does in so many months, the last closed one aside, which was really closed.

    `rounds` is how often in a day files arrive, and the open month is priced. With `kept`, all but the last of these
    are forgotten where they are older. In every sixth month a shard is left failed.
    """
    template = Month.of(now).previous()
    month = template
    for number in range(1, months):
        month = month.previous()
        closed = datetime.combine(month.end.date(), time(6), UTC) + timedelta(days=2)
        yield Copy("close_month", "SUCCESS", closed, str(template), str(month))
        if number % 6 == 5:
            again = closed + timedelta(hours=1)
            yield Copy("close_month", "FAILURE", again, str(template), str(month))
    day = month.first_day
    while day < now.date():
        is_old = kept is not None and day < (now - kept).date()
        yield from _of_day(day, template, 0 if is_old else rounds)
        day += timedelta(days=1)


def _of_day(day: date, template: Month, rounds: int) -> Iterator[Copy]:
    begun = datetime.combine(day, time(0), UTC)
    yield Copy("ingest_usage", "SUCCESS", begun + timedelta(hours=1), f"{template}-05", str(day))
    compared = Month.of(begun)
    for hour in range(8, 8 + COMPARED_MONTHS):  # copies of one run in the same hour would have the same id
        compared = compared.previous()
        yield Copy("reconcile_month", "SUCCESS", begun + timedelta(hours=hour), str(template), str(compared))
    for number in range(rounds):
        at = begun + timedelta(hours=2 + 22 * number // rounds)
        yield Copy("read_landed_files", "SUCCESS", at)
        yield Copy("read_payments", "SUCCESS", at)
        yield Copy("price_month", "SUCCESS", at, str(template), str(Month.of(begun)))


def write_history(url: str, wanted: Iterable[Copy]) -> dict[str, int]:
    """Writes the copies and the ticks of sensors; returns how many rows the tables have then, and megabytes in all."""
    engine = create_engine(url)
    with engine.begin() as connection:
        _plan(connection, wanted)
        for statement in (_RUNS, _RUN_TAGS, _EVENTS, _EVENT_TAGS, _CHECKS):
            connection.execute(text(statement))
        connection.execute(text(_TICKS), {"days": RETAINED_DAYS})
        connection.execute(text("update asset_keys set cached_status_data = null"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("vacuum analyze"))
        found = {
            table: int(connection.scalar(text(f"select count(*) from {table}")) or 0)
            for table in ("runs", "event_logs", "asset_check_executions", "job_ticks")
        }
        found["MB"] = int(connection.scalar(text("select pg_database_size(current_database())")) or 0) // 1_000_000
    engine.dispose()
    return found


def _plan(connection: Connection, wanted: Iterable[Copy]) -> None:
    """A row for each run that is to be, with the run that it is a copy of."""
    connection.execute(text("create temp table copy (job text, status text, at timestamp, old text, new text)"))
    rows = [
        {"job": c.job, "status": c.status, "at": c.at.replace(tzinfo=None), "old": c.old, "new": c.new} for c in wanted
    ]
    connection.execute(text("insert into copy values (:job, :status, :at, :old, :new)"), rows)
    connection.execute(text(_COPIES))
    connection.execute(text("create index on copies (source)"))
    connection.execute(text("analyze copies"))


_COPIES = f"""
create temp table copies as
select r.run_id as source, md5(r.run_id || c.at)::uuid::text as run_id, c.old, c.new,
       r.create_timestamp - c.at as age,
       {ROOM} * ceil(extract(epoch from r.create_timestamp - c.at) / 3600)::bigint as back
from copy c join runs r on r.pipeline_name = c.job and r.status = c.status
where c.at < r.create_timestamp - interval '1 hour'
"""
_RUNS = """
insert into runs (id, run_id, snapshot_id, pipeline_name, status, run_body, partition, partition_set,
                  create_timestamp, update_timestamp, start_time, end_time)
select id - back, c.run_id, snapshot_id, pipeline_name, status,
       replace(replace(run_body, source, c.run_id), old, new), replace(partition, old, new), partition_set,
       create_timestamp - age, update_timestamp - age,
       start_time - extract(epoch from age), end_time - extract(epoch from age)
from copies c join runs r on r.run_id = c.source
"""
_RUN_TAGS = """
insert into run_tags (id, run_id, key, value)
select id - back, c.run_id, key, replace(value, old, new) from copies c join run_tags t on t.run_id = c.source
"""
_EVENTS = """
insert into event_logs (id, run_id, event, dagster_event_type, timestamp, step_key, asset_key, partition)
select id - back, c.run_id,
       regexp_replace(replace(replace(event, source, c.run_id), old, new), '"timestamp": [0-9.]+',
                      '"timestamp": ' || extract(epoch from timestamp - age), 'g'),
       dagster_event_type, timestamp - age, step_key, asset_key, replace(partition, old, new)
from copies c join event_logs e on e.run_id = c.source
"""
_EVENT_TAGS = """
insert into asset_event_tags (id, event_id, asset_key, key, value, event_timestamp)
select t.id - back, event_id - back, t.asset_key, key, replace(replace(value, source, c.run_id), old, new),
       event_timestamp - age
from copies c join event_logs e on e.run_id = c.source join asset_event_tags t on t.event_id = e.id
"""
_CHECKS = """
insert into asset_check_executions (id, asset_key, check_name, partition, run_id, execution_status, evaluation_event,
  evaluation_event_timestamp, evaluation_event_storage_id, materialization_event_storage_id, create_timestamp)
select id - back, asset_key, check_name, replace(partition, old, new), c.run_id, execution_status,
       regexp_replace(replace(replace(evaluation_event, source, c.run_id), old, new), '"timestamp": [0-9.]+',
                      '"timestamp": ' || extract(epoch from evaluation_event_timestamp - age), 'g'),
       evaluation_event_timestamp - age, evaluation_event_storage_id - back, materialization_event_storage_id - back,
       create_timestamp - age
from copies c join asset_check_executions k on k.run_id = c.source
"""
_TICKS = """
insert into job_ticks (job_origin_id, selector_id, status, type, timestamp, tick_body, create_timestamp,
                       update_timestamp)
select job_origin_id, selector_id, status, type, at,
       regexp_replace(tick_body, 'imestamp": [0-9.]+', 'imestamp": ' || extract(epoch from at), 'g'), at, at
from (select distinct on (selector_id) * from job_ticks where type = 'SENSOR' and status = 'SKIPPED') tick,
     generate_series(tick.timestamp - make_interval(days => :days), tick.timestamp - interval '30 s',
                     interval '30 s') at
"""

"""A deployment gets more shards between two months: rows move, all or none, and both months are billed and proven."""

from collections.abc import Iterator
from threading import Timer

import dagster as dg
import pytest
from sqlalchemy import text

from flybill_pipeline.billing.invoicing.shards import shard_of
from flybill_pipeline.stores.postgres import shards
from flybill_pipeline.stores.postgres.database import DatabaseError, open_engine
from flybill_pipeline.stores.postgres.shards import WITH_SHARDS, expect_shards, reshard
from flybill_pipeline_tests.worlds.deployment import Deployments, Flybill, event
from flybill_pipeline_tests.worlds.emulator import Emulators

FIRST, SECOND = "2025-05", "2025-06"
ORGS = [f"org{number}" for number in range(4)]
FEW, MANY = 1, 2
BOOK = """
effective_from = 2025-01-01
currency = "usd"
[meters.disk]
aggregation = "time_weighted"
unit = "GB-hour"
[meters.seconds]
aggregation = "sum"
unit = "second"
[[prices]]
meter = "disk"
model = "per_unit"
unit_amount = 0.01
[[prices]]
meter = "seconds"
model = "per_unit"
unit_amount = 0.01
"""


@pytest.fixture(scope="module")
def grown(deploy: Deployments, emulators: Emulators) -> Iterator[Flybill]:
    """One month closed with few shards; usage of the next summed; then, with many, late usage landed, and a close."""
    with emulators.lent() as emulator, deploy(emulator, shards=FEW) as flybill:
        flybill.prices("usd.toml", BOOK)
        flybill.import_orgs([{"org_id": org, "name": org, "currency": "usd"} for org in ORGS])
        flybill.land("seconds.jsonl", [event(f"s{org}", org, 500, f"{FIRST}-02T00:00:00Z") for org in ORGS])
        flybill.land("disks.jsonl", [event(f"d{org}", org, 9, f"{FIRST}-02T00:00:00Z", meter="disk") for org in ORGS])
        assert flybill("close", FIRST).status == 0
        flybill.land("next.jsonl", [event(f"n{org}", org, 700, f"{SECOND}-02T00:00:00Z") for org in ORGS])
        assert flybill("close", SECOND, "--org", ORGS[0]).status == 0
        _is_refused_while_in_use_and_moves_nothing_when_it_fails(flybill)
        _end_all_else(flybill)
        _leaves_soon(flybill)
        ran = flybill("reshard", str(MANY))
        assert (ran.status, "There are 2 shards now" in ran.out) == (0, True), ran.err
        flybill.environment["FLYBILL_SHARDS"] = str(MANY)
        flybill.land("late.jsonl", [event("late", ORGS[1], 300, f"{FIRST}-03T00:00:00Z")])
        closed = flybill("close", SECOND)
        assert closed.status == 0, closed.err
        assert emulator.report()["violations"] == []
        yield flybill


def _is_refused_while_in_use_and_moves_nothing_when_it_fails(flybill: Flybill) -> None:
    before, engine = _rows(flybill), open_engine(flybill.environment["FLYBILL_DATABASE_URL"])
    with engine.connect() as close_under_way:
        close_under_way.execute(text("select 1"))
        refused = flybill("reshard", str(MANY))
        assert refused.status == 2
        assert "The database is in use" in refused.err
    engine.dispose()
    _end_all_else(flybill)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(shards, "_remember", _killed)
        reshard(engine, MANY)
    for odd in (FEW, 0):
        with pytest.raises(DatabaseError, match="There are 1 shards: more of them must be a multiple, such as 2"):
            reshard(engine, odd)
    engine.dispose()
    assert _rows(flybill) == before


def _end_all_else(flybill: Flybill) -> None:
    """Commands ran in this process, which has not ended."""
    others = "datname = current_database() and pid <> pg_backend_pid()"
    flybill.sql(f"select pg_terminate_backend(pid) from pg_stat_activity where {others}")


def _leaves_soon(flybill: Flybill) -> None:
    """A process that ends while it is asked who is there: a person types `reshard` at once after it."""
    leaving = open_engine(flybill.environment["FLYBILL_DATABASE_URL"]).connect()
    Timer(0.5, leaving.invalidate).start()


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def _rows(flybill: Flybill) -> dict[str, list[tuple[str, int]]]:
    return {
        table: [(str(org), int(shard)) for org, shard in flybill.sql(f"select org_id, shard from flybill.{table}")]
        for table in WITH_SHARDS
    }


def test_every_row_is_in_the_shard_of_its_organization(grown: Flybill) -> None:
    rows = _rows(grown)
    assert {len(rows["invoices"]), len(rows["outcomes"])} == {2 * len(ORGS)}
    assert {(org, shard_of(org, MANY)) for org in ORGS} == {each for table in rows for each in rows[table]}


def test_each_organization_is_billed_once_for_each_month_and_late_usage_is_found(grown: Flybill) -> None:
    billed = grown.sql("select month, org_id, subtotal_minor from flybill.invoices order by month, org_id")
    may = 500 + 9 * 30 * 24 - 9 * 24 + 9 * 24  # 9 GB from the second of May: 30 days, priced by the hour
    first = {org: minor for month, org, minor in billed if month == FIRST}
    second = {org: minor for month, org, minor in billed if month == SECOND}
    assert first == dict.fromkeys(ORGS, may)
    assert second == {org: 700 + 9 * 30 * 24 + 300 * (org == ORGS[1]) for org in ORGS}


def test_old_months_can_be_proven_and_read(grown: Flybill) -> None:
    assert grown("verify", FIRST).status == grown("verify", SECOND).status == 0
    with grown.dagster() as instance:
        keys = instance.get_materialized_partitions(dg.AssetKey("stripe_invoices"))
    assert {f"{FIRST}|00", f"{SECOND}|00", f"{SECOND}|01"} == keys


def test_what_a_trigger_guards_is_guarded_again(grown: Flybill) -> None:
    with pytest.raises(Exception, match="insert"):
        grown.sql("update flybill.invoices set shard = 0")


def test_a_process_that_began_before_is_told_to_start_again(grown: Flybill) -> None:
    engine = open_engine(grown.environment["FLYBILL_DATABASE_URL"])
    expect_shards(engine, FEW)
    with pytest.raises(DatabaseError, match="2 shards by now, and this process began with 1: start it again"):
        engine.connect()
    engine.dispose()

"""Connections of statements that are sent often: when Postgres was restarted, one failure tells of all of them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from flybill_pipeline.stores.postgres import driver as drivers
from flybill_pipeline.stores.postgres.driver import Driver

KEPT = 4


@pytest.fixture
def driver(engine: Engine) -> Iterator[Driver]:
    """One that keeps some connections, all of which were cut."""
    made = Driver(engine)
    with ThreadPoolExecutor(KEPT) as threads:
        pids = set(threads.map(lambda _: made.rows("select pg_backend_pid(), pg_sleep(0.3)", {})[0][0], range(KEPT)))
    assert len(pids) == KEPT
    with engine.begin() as connection:
        connection.execute(text("select pg_terminate_backend(pid, 5000) from unnest(:pids) as pid"), {"pids": [*pids]})
    yield made
    made.close()


def test_after_one_failure_the_others_are_not_tried(driver: Driver) -> None:
    with pytest.raises(OperationalError):
        driver.rows("select 1", {})
    for _ in range(KEPT):
        assert list(driver.rows("select 1", {})) == [(1,)]


def test_those_that_rested_are_replaced_without_a_failure(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drivers, "IDLE_SECONDS", 0)
    assert list(driver.rows("select 1", {})) == [(1,)]

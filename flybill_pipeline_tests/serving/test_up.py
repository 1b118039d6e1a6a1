"""`flybill up` ends with everything that it started, however it ends."""

import os
import signal
import socket
from collections import Counter
from collections.abc import Iterator
from functools import partial

import dagster as dg
import pytest

from flybill_pipeline.serving.up import NAME, SECOND
from flybill_pipeline.stores.postgres.database import open_engine
from flybill_pipeline.stores.postgres.presence import only_one
from flybill_pipeline_tests.serving.served import Served, answers, free_port
from flybill_pipeline_tests.stories.troubled_months import FIRST, USD
from flybill_pipeline_tests.worlds.deployment import Deployments, event
from flybill_pipeline_tests.worlds.waiting import wait_until

LASTING = 8
"""A run that is seen so often is the one that waits for Stripe."""


@pytest.fixture
def up(deploy: Deployments) -> Iterator[Served]:
    with deploy() as flybill:
        served = Served(flybill)
        try:
            yield served
        finally:
            served.kill_all()


def test_its_code_server_x_when_told_to_and_nothing_is_left_behind_when_it_is_killed(up: Served) -> None:
    process = up.begin()
    before = up.group("dagster api grpc")
    os.kill(up.group("serving.processes")[0], signal.SIGHUP)
    wait_until(lambda: up.group("dagster api grpc") not in ([], before))
    assert process.poll() is None
    process.kill()
    process.wait(timeout=60)
    wait_until(lambda: up.group() == [])


@pytest.mark.parametrize("killed", ["dagster api grpc", "serving.processes"])
def test_it_ends_when_one_of_its_processes_is_killed(up: Served, killed: str) -> None:
    process = up.begin()
    os.kill(up.group(killed)[0], signal.SIGKILL)
    process.wait(timeout=60)
    assert process.returncode == 1
    wait_until(lambda: up.group() == [])


def test_a_command_that_is_killed_meanwhile_keeps_no_place_in_the_pool(up: Served) -> None:
    flybill = up.flybill
    flybill.prices("usd.toml", USD)
    flybill.import_orgs([{"org_id": "acme", "name": "Acme", "currency": "usd"}])
    flybill.land("usage.jsonl", [event(1, "acme", 1000, f"{FIRST}-05T00:00:00Z")])
    up.begin()
    closing = flybill.start("close", FIRST)  # nobody listens at Stripe's address: it tries again for a minute
    with flybill.dagster() as instance:
        pool, looks = partial(instance.event_log_storage.get_concurrency_info, "stripe"), Counter[str]()

        def lasts() -> bool:
            """Of the shards without anybody each is over at once."""
            looks.update(pool().active_run_ids)
            return max(looks.values(), default=0) >= LASTING

        wait_until(lasts)
        ((run_id, _),) = looks.most_common(1)
        os.killpg(closing.pid, signal.SIGKILL)
        closing.communicate()
        wait_until(lambda: run_id not in pool().active_run_ids)
        run = instance.get_run_by_id(run_id)
    assert run is not None
    assert run.status is dg.DagsterRunStatus.FAILURE


def test_a_second_one_for_the_same_deployment_is_refused(up: Served) -> None:
    engine = open_engine(up.flybill.environment["FLYBILL_DATABASE_URL"])
    with only_one(engine, NAME, ""):
        ran = up.flybill("up", "--port", str(free_port()))
    engine.dispose()
    assert (ran.status, ran.out) == (2, "")
    assert SECOND in ran.err


def test_a_port_that_is_taken_is_said_before_anything_starts(up: Served) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = up.flybill("up", "--port", str(free_port()), "--read-only-port", str(port))
    assert ran.status == 2
    assert str(port) in ran.err
    assert not answers(port)
    port = free_port()
    ran = up.flybill("up", "--port", str(port), "--read-only-port", str(port))
    assert (ran.status, str(port) in ran.err) == (2, True)

"""A month that Dagster's own processes close, as `flybill up` starts them: the price book is broken, Stripe goes down,
the daemon is killed, two organizations wait for a person. No run is started in this process; whatever an operator does
goes through the guard.
"""

import json
import os
import re
import signal
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import dagster as dg
import pytest

from flybill_pipeline.billing.invoicing.shards import shard_of
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.defs.close_began import RETRY_TAG
from flybill_pipeline.defs.jobs import CLOSING_ASSETS
from flybill_pipeline.defs.partitions import FAILED_ORG_MONTHS, month_shard_key, org_month_key
from flybill_pipeline.defs.sensors import MOST_ATTEMPTS
from flybill_pipeline_tests.bench import bench_ui
from flybill_pipeline_tests.bench.long_history import copies, leave_room
from flybill_pipeline_tests.serving import fast_definitions
from flybill_pipeline_tests.serving.served import Served
from flybill_pipeline_tests.stories.troubled_months import USD
from flybill_pipeline_tests.worlds.deployment import Deployments, Flybill, event
from flybill_pipeline_tests.worlds.emulator import EmulatorProcess
from flybill_pipeline_tests.worlds.mailbox import Hook, webhook
from flybill_pipeline_tests.worlds.waiting import wait_until

SHARDS, ORGS = 2, 14
ORG_IDS = [f"org{number}" for number in range(ORGS)]
GONE, EURO = "org3", "org4"
"""One is linked to a customer that is deleted, one to a customer that is billed in euros."""
MONTH = Month.of(datetime.now(UTC)).previous()
KEYS = [month_shard_key(MONTH, shard) for shard in range(SHARDS)]
LONG = 400.0
"""Seconds for what takes some, on a machine that is ten times as slow."""


@dataclass
class World:
    """One deployment that `flybill up` serves, its Stripe, and where its alerts arrive."""

    flybill: Flybill
    emulator: EmulatorProcess
    hook: Hook
    up: Served
    instance: dg.DagsterInstance

    def operate(self, document: str) -> dict[str, Any]:
        """An operation in the UI, which must succeed."""
        answer = self.up.graphql(document, {"Origin": f"http://127.0.0.1:{self.up.port}"}).json()
        assert "errors" not in answer, answer
        (result,) = answer["data"].values()
        assert "Error" not in result.get("__typename", ""), result
        found: dict[str, Any] = result
        return found

    def switch_on(self, sensor: str) -> None:
        """The switch on the page of the sensor."""
        selector = (
            f'repositoryLocationName: "flybill_pipeline", repositoryName: "__repository__", sensorName: "{sensor}"'
        )
        self.operate(
            f"mutation {{ startSensor(sensorSelector: {{{selector}}}) {{ __typename ... on Error {{ message }} }} }}"
        )

    def to_do(self) -> set[str]:
        """The keys of failed_org_months, as the UI shows them."""
        found = self.operate(
            '{ assetNodeOrError(assetKey: {path: ["failed_org_months"]}) '
            "{ __typename ... on AssetNode { partitionKeys } } }"
        )
        return set(found["partitionKeys"])

    def runs(self) -> list[dg.RunRecord]:
        """Every run of the closing assets, the oldest first."""
        records = self.instance.get_run_records(ascending=True)
        return [record for record in records if "|" in record.dagster_run.tags.get("dagster/partition", "")]

    def looks(self) -> list[tuple[datetime, datetime]]:
        """When the sensor for failed shards began to look, and when it had."""
        states = self.instance.all_instigator_state()
        (sensor,) = (each for each in states if each.name == "retry_failed_partitions")
        ticks = self.instance.get_ticks(sensor.instigator_origin_id, sensor.selector_id)
        return [
            (datetime.fromtimestamp(tick.timestamp, UTC), datetime.fromtimestamp(tick.end_timestamp, UTC))
            for tick in ticks
            if tick.end_timestamp
        ]

    def breaker(self) -> list[tuple[Any, ...]]:
        """(open, probes in vain) of every time that calls were stopped."""
        return self.flybill.sql("select is_open, probes from flybill.stripe_breaker order by breaker_id")

    def finalized(self) -> int:
        """How many invoices Stripe has finalized."""
        return int(self.emulator.report()["invoices"].get("open", 0))

    def stripe(self, method: str, path: str, **fields: str) -> Any:
        """Something that a colleague does at Stripe."""
        request = urllib.request.Request(
            f"{self.emulator.url}/v1/{path}",
            data=urllib.parse.urlencode(fields).encode() if method == "POST" else None,
            method=method,
            headers={"Authorization": "Bearer sk_test_x", "Stripe-Version": "2026-01-28.clover"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def link(self, customers: dict[str, str]) -> None:
        """Imports all organizations; some are linked to a customer that was made by hand."""
        rows = [
            {"org_id": org, "name": org.title(), "currency": "usd", "stripe_customer_id": customers.get(org, "")}
            for org in ORG_IDS
        ]
        assert self.flybill.import_orgs(rows).status == 0


@pytest.fixture(scope="module")
def world(deploy: Deployments, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with (
        EmulatorProcess(tmp_path_factory.mktemp("stripe") / "stripe.sqlite") as emulator,
        deploy(emulator, shards=SHARDS) as flybill,
        webhook() as hook,
    ):
        flybill.environment |= {"FLYBILL_ALERT_WEBHOOK_URL": hook.url, "FLYBILL_STRIPE_RATE": "3"}
        flybill.prices("usd.toml", USD)
        day = f"{MONTH}-05T00:00:00Z"
        flybill.land("usage.jsonl", [event(org, org, 100 + n, day) for n, org in enumerate(ORG_IDS)])
        up = Served(flybill, fast_definitions.MODULE)
        with flybill.instance() as instance:  # once: it is asked ten times a second, and opening it takes longer
            leave_room(flybill.environment["FLYBILL_DAGSTER_DATABASE_URL"])
            try:
                yield World(flybill, emulator, hook, up, instance)
            finally:
                up.kill_all()


def break_two_customers(world: World) -> None:
    gone, euro = (world.stripe("POST", "customers", name=org)["id"] for org in (GONE, EURO))
    world.stripe("DELETE", f"customers/{gone}")
    draft = world.stripe("POST", "invoices", customer=euro, currency="eur")["id"]
    world.stripe("DELETE", f"invoices/{draft}")
    world.link({GONE: gone, EURO: euro})


def stop_stripe_in_the_middle(world: World) -> None:
    wait_until(lambda: world.finalized() >= 1, "the first invoice", LONG)
    world.emulator.kill()


def kill_the_daemon_in_the_middle(world: World, finalized_before: int) -> None:
    """While a run is syncing; its process goes with the code server."""
    wait_until(lambda: world.finalized() > finalized_before, "the next invoice", LONG)
    for words in ("dagster._daemon", "dagster api grpc"):
        for pid in world.up.group(words):
            os.kill(pid, signal.SIGKILL)
    assert world.up.process is not None
    world.up.process.wait(60)
    wait_until(lambda: world.up.group() == [], "the end of what was started", LONG)


def fail_until_the_backoff_shows(world: World) -> None:
    """For a reason of our own, so that no breaker speaks for all and each failure counts: the price book."""
    wait_until(lambda: all(held_back(world, key) for key in KEYS), "a wait that doubled", LONG)
    world.flybill.prices("usd.toml", USD)


def held_back(world: World, key: str) -> bool:
    """Whether the sensor looked at the shard when it had waited after a second or later failure as long as after the
    failure before, and left it: a wait that is long enough for twice as long may be so because the machine is slow.
    """
    looks = world.looks()
    runs = [record for record in world.runs() if record.dagster_run.tags["dagster/partition"] == key]
    retried = {record.dagster_run.tags.get(RETRY_TAG): record.create_timestamp for record in runs}
    failed = [record for record in runs if record.dagster_run.status == dg.DagsterRunStatus.FAILURE]
    assert len(failed) < MOST_ATTEMPTS, "no wait of the shard was seen to double"
    for earlier, record in enumerate(failed[1:]):
        single = datetime.fromtimestamp(record.end_time or 0, UTC) + fast_definitions.FIRST_WAIT * 2**earlier
        until = retried.get(record.dagster_run.run_id, datetime.max.replace(tzinfo=UTC))
        if any(single < began and ended < until for began, ended in looks):
            return True
    return False


def waits(world: World) -> list[tuple[str, int, timedelta]]:
    """Of each retry that the sensor asked for: the shard, how many failures counted by then, and how long it waited."""
    runs = {record.dagster_run.run_id: record for record in world.runs()}
    found = []
    for record in runs.values():
        tags = record.dagster_run.tags
        if RETRY_TAG in tags:
            ended = datetime.fromtimestamp(runs[tags[RETRY_TAG]].end_time or 0, UTC)
            counted = int(tags["flybill/attempt"]) - 1
            found.append((tags["dagster/partition"], counted, record.create_timestamp - ended))
    return found


def backoff_is_kept(world: World) -> None:
    """Each failure outside of the outage doubles the wait."""
    for key, counted, waited in waits(world):
        least = fast_definitions.FIRST_WAIT * 2 ** (counted - 1) if counted else timedelta(0)
        assert waited >= least - timedelta(milliseconds=50), (key, counted, waited)


def everybody_is_billed_once(world: World) -> None:
    report = world.emulator.report()
    assert report["violations"] == []
    assert report["invoices"] == {"open": ORGS}
    assert report["lines"] == ORGS
    status = world.flybill("status", str(MONTH), "--json").json()
    total = sum(100 + number for number in range(ORGS))
    assert status["totals"] == {"usd": {"invoiced_minor": total, "synced_minor": total}}
    assert status["outcomes"] == {"invoiced": ORGS}
    assert status["sync"] == {"finalized": ORGS}


OUTAGE = "Stripe does not answer: no invoices are sent"
BROKEN_BOOK = "the schedule price_open_month fails each time that it looks"
"""Told where the hour of this schedule comes while the price book is broken."""
PROBLEMS = 3
"""The outage, and two organizations that wait for a person."""


def told(world: World) -> list[str]:
    """The lines of all messages, without their subjects."""
    return [line for text in world.hook.texts for line in text.splitlines() if not line.startswith("*")]


def over(world: World) -> list[str]:
    """The title of each problem that was told to be over, but for the one that only some hours of a day bring."""
    titles = [line.removeprefix("Resolved: ") for line in told(world) if line.startswith("Resolved: ")]
    return sorted(title for title in titles if title != BROKEN_BOOK)


def each_problem_was_told_once(world: World) -> None:
    lines = told(world)
    began = sorted(title for title, what in pairwise(lines) if "What happened:" in what and title != BROKEN_BOOK)
    assert len(began) == len(set(began)) == PROBLEMS, lines
    assert over(world) == began, lines


def test_a_month_with_an_outage_a_dead_daemon_and_two_organizations_for_a_person(world: World) -> None:
    break_two_customers(world)
    world.up.start()
    world.flybill.prices("usd.toml", "This is no price book.")
    world.up.materialize(CLOSING_ASSETS, KEYS)
    for sensor in fast_definitions.HURRIED:
        world.switch_on(sensor)
    recorded = "select count(*) from flybill.usage_days where daily_path is not null"
    wait_until(lambda: world.flybill.sql(recorded) == [(1,)], "the recording of the day", LONG)

    fail_until_the_backoff_shows(world)

    stop_stripe_in_the_middle(world)
    wait_until(lambda: world.breaker() and world.breaker()[0][1] >= 1, "a probe in vain", LONG)
    wait_until(lambda: OUTAGE in told(world), "the alert of the outage", LONG)

    world.emulator.start()
    before = world.finalized()
    assert 1 <= before < ORGS - 2
    kill_the_daemon_in_the_middle(world, before)
    world.up.start()
    wait_until(lambda: world.finalized() == ORGS - 2, "everybody's invoice but two", LONG)

    waiting = {org_month_key(MONTH, org) for org in (GONE, EURO)}
    wait_until(lambda: world.to_do() == waiting, "the to-do list", LONG)
    world.link({org: world.stripe("POST", "customers", name=org)["id"] for org in (GONE, EURO)})
    wait_until(lambda: "refused by Stripe" in "".join(world.hook.texts), "the alert", LONG)
    world.up.materialize((str(FAILED_ORG_MONTHS.name),), sorted(waiting))
    wait_until(lambda: world.to_do() == set(), "the end of the to-do list", LONG)
    wait_until(lambda: len(over(world)) == PROBLEMS, "that it is over", LONG)

    # What has a parent is Dagster's own retry of the run that was killed, with that run's tags.
    retries = [
        record
        for record in world.runs()
        if RETRY_TAG in record.dagster_run.tags and record.dagster_run.parent_run_id is None
    ]
    assert retries
    requested = [record.dagster_run.tags[RETRY_TAG] for record in retries]
    assert len(set(requested)) == len(requested)  # no failure is retried twice
    everybody_is_billed_once(world)
    each_problem_was_told_once(world)
    backoff_is_kept(world)
    assert [opened for opened, _ in world.breaker()] == [False] * len(world.breaker())
    assert {shard_of(org, SHARDS) for org in ORG_IDS} == set(range(SHARDS))


def test_every_page_of_the_ui_answers_with_history_behind_it(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """The benchmark of the pages on what is served here: each operation of a page must be answered without an error."""
    bench_ui.tell(world.up, copies(2, 1, bench_ui.NOW), times=0)
    assert re.search("(?m)^partitions: daily_usage .* s ", capsys.readouterr().out)


def test_its_address_stays_in_sight_of_who_started_it(world: World) -> None:
    said = world.up.log.read_text()
    assert f"http://127.0.0.1:{world.up.port}; look first at" in said
    told = re.findall(".*(?:DEBUG|SensorDaemon|Launching run).*", said)
    assert [line for line in told if "WARNING" not in line] == []  # in which Dagster tells of looks that were killed


def test_it_ends_when_it_is_told_to(world: World) -> None:
    assert world.up.stop() == 0

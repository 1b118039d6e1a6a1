"""`flybill doctor` says what is set and what answers, shows no secret, and works when nothing works."""

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import duckdb
import pytest
from sqlalchemy import Engine

from flybill_pipeline.operating import probes
from flybill_pipeline.operating.doctor import examine
from flybill_pipeline.stores.postgres.database import newest_revision
from flybill_pipeline.stores.usage.engines import summing
from flybill_pipeline.stores.usage.engines.summing import Words, require_the_same
from flybill_pipeline.stores.usage.lake.storage import NOTE
from flybill_pipeline_tests.stores.usage.usage_world import UsageWorld, edge, jsonl
from flybill_pipeline_tests.worlds.databases import Databases
from flybill_pipeline_tests.worlds.deployment import Flybill
from flybill_pipeline_tests.worlds.emulator import Emulators

SECRET = "HUSH"
NOBODY = "127.0.0.1:9"
Asked = Callable[..., dict[str, dict[str, Any]]]


@pytest.fixture
def ask(tmp_path: Path) -> Asked:
    """Asks the doctor with variables set; the findings by what they are about, after looking at the exit status."""

    def asked(status: int, **variables: str) -> dict[str, dict[str, Any]]:
        ran = Flybill(tmp_path, {"FLYBILL_HOME": str(tmp_path / "home"), **variables})("doctor", "--json")
        assert ran.status == status, ran
        assert SECRET not in ran.out + ran.err
        return {each["about"]: each for each in ran.json()["findings"]}

    return asked


@pytest.fixture
def migrated_url(databases: Databases) -> Iterator[str]:
    with databases.lent() as engine:
        yield engine.url.render_as_string(hide_password=False)


def states(findings: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {about: finding["state"] for about, finding in findings.items()}


def test_before_the_first_command_nothing_is_wrong_and_nothing_is_made(ask: Asked, tmp_path: Path) -> None:
    assert states(ask(0)) == {
        "database": "ok", "home": "ok", "lake": "ok", "landing zone": "ok", "stripe": "ok", "alerts": "warning",
    }  # fmt: skip
    assert not (tmp_path / "home").exists()


def test_what_answers_is_said(ask: Asked, migrated_url: str, emulators: Emulators) -> None:
    with emulators.lent() as emulator, socket.create_server(("127.0.0.1", 0)) as hooks:
        found = ask(
            0,
            FLYBILL_DATABASE_URL=migrated_url,
            FLYBILL_DAGSTER_DATABASE_URL=migrated_url,
            STRIPE_API_KEY=f"sk_test_{SECRET}",
            STRIPE_API_BASE=emulator.url,
            FLYBILL_ALERT_WEBHOOK_URL=f"http://127.0.0.1:{hooks.getsockname()[1]}/{SECRET}",
        )
    assert set(states(found).values()) == {"ok"}
    assert f"its schema is {newest_revision()}" in found["database"]["sentence"]
    assert "(test mode)" in found["stripe"]["sentence"]
    assert {"Dagster's database", "clock", "alerts by webhook"} <= found.keys()


def test_an_engine_with_usage_is_asked_and_its_address_is_shown_to_nobody(ask: Asked, tmp_path: Path) -> None:
    (tmp_path / "sources.toml").write_text("""
[[sources]]
name = "warehouse"
format = "table"
url = "$WAREHOUSE"
table = "usage"
watermark = "seen"
columns = { event_id = "id", org_id = "org", meter = "meter", quantity = "q", occurred_at = "happened" }
""")
    sources = {"FLYBILL_SOURCES": str(tmp_path / "sources.toml")}
    assert "WAREHOUSE is not set" in ask(1, **sources, WAREHOUSE="")["source warehouse"]["sentence"]
    down = ask(1, **sources, WAREHOUSE=f"postgresql://me:{SECRET}@{NOBODY}/db")["source warehouse"]
    assert (down["state"], "did not answer" in down["sentence"]) == ("wrong", True)
    with duckdb.connect(str(tmp_path / "w.duckdb")) as connection:
        connection.execute("create table usage(id text, org text, meter text, q int, happened timestamp, seen date)")
    assert ask(0, **sources, WAREHOUSE=f"duckdb://{tmp_path}/w.duckdb")["source warehouse"]["state"] == "ok"


class Warehouse:
    """An engine that sums days, which sees the lake or another one."""

    words = Words()

    def __init__(self, sees: str | None) -> None:
        self.sees = sees

    def answer(self, *_: object) -> NoReturn:
        raise AssertionError

    def version(self, sees: Path | None) -> str:
        if sees:
            require_the_same(self.sees or "", sees)
        return "ClickHouse 26.9"


def test_the_engine_that_sums_days_is_asked_whether_it_sees_the_lake(tmp_path: Path) -> None:
    assert probes.engine(Warehouse(None), tmp_path).sentence == "ClickHouse 26.9 answers; it sums days."
    (tmp_path / NOTE).write_text("one\n")
    assert (
        probes.engine(Warehouse("one"), tmp_path).sentence == "ClickHouse 26.9 answers and sees the lake; it sums days."
    )
    other = probes.engine(Warehouse("two"), tmp_path)
    assert (other.state, other.remedy[:9], "it sees another" in other.sentence) == ("wrong", "Is it up?", True)


def test_an_engine_whose_driver_is_missing_is_told_before_work_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summing, "find_spec", lambda _: None)
    found = examine(
        {"FLYBILL_USAGE_ENGINE": "clickhouse", "FLYBILL_USAGE_ENGINE_URL": f"clickhouse://me:{SECRET}@{NOBODY}"}
    )
    assert found.settings_wrong
    assert [each.about for each in found.findings] == ["FLYBILL_USAGE_ENGINE"]
    assert "its driver is not installed (clickhouse_connect): pip install" in found.findings[0].sentence
    assert SECRET not in repr(found)


def test_it_works_when_nothing_works_and_takes_seconds(ask: Asked, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    began = time.monotonic()
    found = ask(
        1,
        FLYBILL_HOME=str(tmp_path / "file"),
        FLYBILL_DATABASE_URL=f"postgresql://u:{SECRET}@{NOBODY}/x",
        FLYBILL_DAGSTER_DATABASE_URL=f"postgresql://u:{SECRET}@{NOBODY}/x",
        STRIPE_API_KEY=f"sk_test_{SECRET}",
        STRIPE_API_BASE=f"http://{NOBODY}",
        FLYBILL_ALERT_EMAIL_TO="ops@example.com",
        FLYBILL_SMTP_URL=f"smtp://u:{SECRET}@{NOBODY}",
    )
    assert time.monotonic() - began < 30
    assert {about for about, finding in found.items() if finding["state"] == "wrong"} == {
        "home", "lake", "landing zone", "database", "Dagster's database", "stripe", "mail",
    }  # fmt: skip
    assert all(finding["remedy"] for finding in found.values())


def test_a_home_that_cannot_even_be_looked_at_is_told(ask: Asked, tmp_path: Path) -> None:
    found = ask(1, FLYBILL_HOME=str(tmp_path / "file" / "below"), FLYBILL_LAKE_URL=str(tmp_path / ("n" * 300)))
    assert found["lake"]["state"] == "wrong"


def test_wrong_settings_are_all_named_and_end_with_two(ask: Asked, tmp_path: Path) -> None:
    wrong = {"FLYBILL_SHARDS": "x", "FLYBILL_PRICES": "nowhere", "FLYBILL_LAKE_URL": f"ftp://u:{SECRET}@lake.example/x"}
    assert set(ask(2, **wrong)) == set(wrong)
    (tmp_path / "usd.toml").write_text("currency = 1")
    assert "usd.toml" in ask(2, FLYBILL_PRICES=str(tmp_path))["prices and sources"]["sentence"]


def test_a_refused_key_is_told_with_what_to_do(ask: Asked, emulators: Emulators) -> None:
    with emulators.lent() as emulator:
        emulator.faults([{"match": {}, "fault": "unauthorized"}])
        found = ask(1, STRIPE_API_KEY=f"sk_test_{SECRET}", STRIPE_API_BASE=emulator.url)
    assert "did not say whose the key is" in found["stripe"]["sentence"]
    assert found["stripe"]["remedy"]


def test_a_schema_of_another_version_is_told(ask: Asked, migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flybill_pipeline.stores.postgres.condition.newest_revision", lambda: "0001")
    assert "newer than 0001" in ask(1, FLYBILL_DATABASE_URL=migrated_url)["database"]["sentence"]
    monkeypatch.setattr("flybill_pipeline.stores.postgres.condition.newest_revision", lambda: "9999")
    assert ask(0, FLYBILL_DATABASE_URL=migrated_url)["database"]["state"] == "warning"


def test_a_lake_that_does_not_say_whose_it_is_is_told(ask: Asked, migrated_url: str, tmp_path: Path) -> None:
    (tmp_path / NOTE).mkdir()
    examined = examine({"FLYBILL_DATABASE_URL": migrated_url, "FLYBILL_LAKE_URL": str(tmp_path)})
    assert [f"{NOTE} cannot be read" in each.sentence for each in examined.findings if each.state == "wrong"] == [True]
    (tmp_path / "file").touch()
    found = ask(1, FLYBILL_DATABASE_URL=migrated_url, FLYBILL_LAKE_URL=str(tmp_path / "file" / "lake"))["lake"]
    assert "no folder that can be written to" in found["sentence"]


def test_a_lake_that_is_empty_though_the_database_knows_usage_is_told(engine: Engine, tmp_path: Path) -> None:
    world = UsageWorld(tmp_path, engine)
    world.put("edge/a.jsonl", jsonl(edge(1)))
    world.run()
    database = engine.url.render_as_string(hide_password=False)
    for place, told in ((world.lake.root, []), (tmp_path / "another", ["has none of the files"])):
        found = examine({"FLYBILL_DATABASE_URL": database, "FLYBILL_LAKE_URL": str(place)}).findings
        wrong = [each.sentence for each in found if each.state == "wrong"]
        assert len(wrong) == len(told)
        assert all(words in sentence for words, sentence in zip(told, wrong, strict=True))


def test_a_full_disk_is_told(ask: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, state, status in ((probes.TOO_LITTLE - 1, "wrong", 1), (probes.LITTLE - 1, "warning", 0)):
        monkeypatch.setattr("shutil.disk_usage", lambda _, free=free: type("Usage", (), {"free": free}))
        assert ask(status)["home"]["state"] == state


def test_a_lake_of_another_deployment_is_told(ask: Asked, migrated_url: str, tmp_path: Path) -> None:
    (tmp_path / "deployment.txt").write_text("another")
    found = ask(1, FLYBILL_DATABASE_URL=migrated_url, FLYBILL_LAKE_URL=str(tmp_path))
    assert "lake" in found


def test_it_says_where_each_setting_comes_from_in_words_too(tmp_path: Path) -> None:
    ran = Flybill(tmp_path, {"FLYBILL_HOME": str(tmp_path / "home"), "FLYBILL_LINK_SECRET": SECRET * 8})("doctor")
    assert ran.status == 0
    rows = [line.split() for line in ran.out.splitlines() if line.startswith("FLYBILL_")]
    assert [row[:2] for row in rows] == [
        ["FLYBILL_HOME", "environment"],
        ["FLYBILL_PRICES", "default"],
        ["FLYBILL_SOURCES", "default"],
        ["FLYBILL_LINK_SECRET", "environment"],
    ]
    assert SECRET not in ran.out
    assert "→ Set FLYBILL_ALERT_WEBHOOK_URL" in ran.out

"""An engine that would leave rows out of its answer, as somebody has told it to, answers whole or is told not to."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import ibis
import psycopg
import pytest

from flybill_pipeline.billing.usage.tables import NotPulledError
from flybill_pipeline.stores.usage.engines.connecting import connected, told_of
from flybill_pipeline_tests.stores.usage.engines.conftest import NOW, SOURCE, Engine, engine_with, in_postgres

ROWS = [(str(n), f"org{n}", "gb", "1", f"2026-10-0{n}T10:00:00Z", "2026-10-05 12:00", None) for n in range(1, 5)]


@contextmanager
def login_in(engine: Engine) -> Iterator[Engine]:
    """Somebody who may read the table, and no more."""
    name = urlsplit(engine.url).path[1:] + "_reader"
    with psycopg.connect(engine.url, autocommit=True) as owner:
        owner.execute(f"create role {name} login; grant select on usage to {name}".encode())
        try:
            yield replace(engine, url=re.sub("//[^@]*@", f"//{name}@", engine.url))
        finally:
            owner.execute(f"drop owned by {name}; drop role {name}".encode())


@pytest.mark.parametrize("table", ['table = "usage"', 'query = "select * from (select * from usage) as u"'])
def test_rows_that_a_policy_hides_are_no_answer_without_them(table: str, tmp_path: Path, database_url: str) -> None:
    owners = in_postgres(tmp_path, database_url, "numeric")
    owners.add(*ROWS)
    source = SOURCE.replace('table = "usage"', table)
    with login_in(owners) as reader:
        assert len(reader.told(source=source)[0]) == len(ROWS)
        owners.run("alter table usage enable row level security")
        owners.run("create policy hiding on usage using (org = 'org1')")
        with pytest.raises(NotPulledError, match=r'row-level security policy for table "usage": .*bypassrls'):
            reader.told(source=source)
        meant = replace(reader, url=f"{reader.url}&options=-c%20row_security%3Don")
        assert [day for day, _ in meant.told(source=source)[0]] == ["2026-10-01"]


def test_what_the_address_says_to_postgres_is_said_beside_ours(tmp_path: Path, database_url: str) -> None:
    url = in_postgres(tmp_path, database_url, "numeric").url
    own = "-c search_path=billing -c default_transaction_read_only=off".replace(" ", "%20").replace("=", "%3D")
    with connected(f"{url}&options={own}") as backend, backend.con.cursor() as cursor:
        told = {
            name: cursor.execute(f"show {name}").fetchone()
            for name in ("search_path", "default_transaction_read_only", "row_security", "datestyle")
        }
    assert [value for (value,) in told.values()] == ["billing", "on", "off", "ISO, MDY"]


PROFILES = {
    "a limit of rows": {"limit": "1"},
    "an offset": {"offset": "1"},
    "groups": {"max_rows_to_group_by": "1", "group_by_overflow_mode": "any"},
    "rows of a result": {"max_result_rows": "1", "result_overflow_mode": "break"},
    "rows of a join": {"max_rows_in_join": "1", "join_overflow_mode": "break"},
    "different rows": {"max_rows_in_distinct": "1", "distinct_overflow_mode": "break"},
}


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_a_profile_of_clickhouse_that_answers_with_a_part_is_overruled(
    profile: dict[str, str], request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def by_profile(url: str, settings: dict[str, str], **others: Any) -> Any:
        return plainly(url, settings={**profile, **settings}, **others)

    with engine_with("decimal(20, 6)", "clickhouse", tmp_path, request) as engine:
        engine.add(*ROWS)
        plainly = ibis.connect
        monkeypatch.setattr(ibis, "connect", by_profile)
        for ask in (
            lambda: engine.told("2026-10-05T01:00:00+00:00")[0],
            lambda: engine.table().counted(None, NOW).days,
        ):
            try:
                assert len(ask()) == len(ROWS)
            except NotPulledError as error:
                assert "Limit" in str(error)  # it may say why it does not


def test_a_file_that_spark_is_told_to_pass_over_is_told(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    with engine_with("decimal(20, 6)", "spark", tmp_path, request) as engine:
        engine.add(*ROWS)
        folder = tmp_path / "usage"
        folder.mkdir()
        (tmp_path / "usage.parquet").rename(folder / "a.parquet")
        (folder / "b.parquet").write_bytes(b"PAR1 and no more")
        url = f"{engine.url}&spark.sql.files.ignoreCorruptFiles=true"
        with pytest.raises(NotPulledError):
            replace(engine, url=url, relation=f"parquet.`{folder}`").told()


def test_what_fills_up_a_text_of_fixed_length_is_no_part_of_it(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    with engine_with("decimal(20, 6)", "clickhouse", tmp_path, request) as engine:
        engine.add(*ROWS[:1])
        fixed = "select * replace(toFixedString(org, 9) as org, toFixedString(id, 9) as id) from usage"
        ((_, ((org, *_),)),), _ = engine.told(source=SOURCE.replace('table = "usage"', f'query = "{fixed}"'))
        assert org == "org1"


def test_a_standby_that_ends_a_query_is_told_with_what_to_set_there() -> None:
    """As Postgres 15 said it, while the primary was vacuumed."""
    said = "canceling statement due to conflict with recovery"
    with pytest.raises(NotPulledError, match=f"{said}: .*hot_standby_feedback"), told_of("postgresql://standby/usage"):
        raise RuntimeError(said)

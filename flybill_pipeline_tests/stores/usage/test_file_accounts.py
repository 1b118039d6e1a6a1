"""Each record of each file is accounted for: left out, refused, repeated, replaced, waiting, or counted."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from flybill_pipeline.billing.usage.aliases import EVER, AliasPeriod
from flybill_pipeline.billing.usage.file_accounts import FileAccount, by_source
from flybill_pipeline.stores.usage.lake.aliases import AliasRow
from flybill_pipeline.stores.usage.lake.file_accounts import FileAccounts
from flybill_pipeline_tests.stores.usage.usage_world import UsageWorld
from flybill_pipeline_tests.worlds.effort import examples

MAPPING = """
[[sources]]
name = "{name}"
format = "jsonl"
files = "{name}/*"
{more}
where = {{ kind = {{ not = "fee" }} }}
columns = {{ event_id = "id", org_id = {{ column = "org", alias = {alias} }}, occurred_at = "at" }}
[[sources.measures]]
meter = "a"
quantity = "a"
[[sources.measures]]
meter = "b"
quantity = "b"
"""
SOURCES = (
    MAPPING.format(name="first", more="", alias="true")
    + MAPPING.format(name="last", more='on_conflict = "last"', alias="false")
    + MAPPING.format(name="whole", more='on_conflict = "last"\nwhole = "month"', alias="false")
)
DAYS = [date(2026, 10, day) for day in range(1, 31)]
Row = dict[str, object]


def put(world: UsageWorld, path: str, rows: list[Row]) -> None:
    world.put(path, "".join(json.dumps(row) + "\n\n" for row in rows))  # blank lines are no records


def row(number: int, org: str, day: int, **more: object) -> Row:
    return {"id": number, "org": org, "at": f"2026-10-{day:02}T00:00:00Z", **more}


def test_the_account_of_a_file_says_what_became_of_each_record(tmp_path: Path, engine: Engine) -> None:
    world = UsageWorld(tmp_path, engine, SOURCES)
    world.lake.aliases.save([AliasRow(2, AliasPeriod("first", "acct", EVER, None, "acme"))])
    rows = [row(1, "acct", 1, a=1, b=2), row(2, "other", 2, a=1), row(3, "acct", 3, a=1, kind="fee")]
    put(world, "first/1.jsonl", [*rows, row(4, "acct", 4, a="x"), row(1, "acct", 1, a=1, b=9)])
    put(world, "whole/1.jsonl", [row(1, "acme", 5, a=1)])
    put(world, "whole/2.jsonl", [row(1, "acme", 5, a=3), row(2, "acme", 5, a=1)])
    world.run()
    accounts = FileAccounts(world.lake).of_days(DAYS)
    assert accounts[0] == FileAccount(
        source="first", path="first/1.jsonl", read=5, told=5, left_out=1, rejected=1, events=5,
        repeated=1, conflicting=1, waiting=1, counted=2,
    )  # fmt: skip
    assert [(each.replaced, each.counted) for each in accounts[1:]] == [(1, 0), (0, 2)]
    assert [each.missing for each in accounts] == [0, 0, 0]
    assert FileAccounts(world.lake).agree_with_totals(DAYS, accounts)
    assert [(each.source, each.read, each.counted) for each in by_source(accounts)] == [
        ("first", 5, 2),
        ("whole", 3, 2),
    ]


def test_what_is_lost_is_missing_by_its_file(tmp_path: Path, engine: Engine) -> None:
    world = UsageWorld(tmp_path, engine, SOURCES)
    put(world, "last/1.jsonl", [row(1, "acme", 1, a=1), row(2, "acme", 1, a=1)])
    world.run()
    accounts = FileAccounts(world.lake)
    with engine.begin() as connection:
        connection.execute(text("update flybill.usage_pieces set rows = 3"))
    (found,) = accounts.of_days(DAYS)
    assert (found.missing, found.as_row()["file"], found.as_row()["missing"]) == (1, "last/1.jsonl", "1")
    with engine.begin() as connection:
        connection.execute(text("update flybill.usage_pieces set rows = 2"))
        connection.execute(text("update flybill.landed_files set records = 4"))
    (found,) = accounts.of_days(DAYS)
    assert found.missing == 2
    assert not accounts.agree_with_totals(DAYS, [replace(found, counted=1)])


made_rows = st.lists(
    st.builds(
        lambda number, org, day, said: row(number, org, day, **said),
        st.integers(1, 4),
        st.sampled_from(["acct", "other", ""]),
        st.integers(1, 3),
        st.fixed_dictionaries(
            {}, optional={"a": st.integers(-2, 2), "b": st.sampled_from([1, "x", ""]), "kind": st.just("fee")}
        ),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=examples(8), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(["first", "last", "whole"]), st.integers(1, 2), made_rows), max_size=4))
def test_whatever_is_landed_nothing_is_lost(
    tmp_path_factory: object, engine: Engine, files: list[tuple[str, int, list[Row]]]
) -> None:
    with engine.begin() as connection:
        for table in ("aliases", "usage_exclusions", "restated_pieces", "usage_pieces", "usage_days",
                      "usage_day_versions", "lake_files", "landed_files"):  # fmt: skip
            connection.execute(text(f"drop table if exists flybill.{table} cascade"))
    world = UsageWorld(tmp_path_factory.mktemp("lake"), engine, SOURCES)  # type: ignore[attr-defined]
    world.lake.aliases.save([AliasRow(2, AliasPeriod("first", "acct", EVER, None, "acme"))])
    for source, number, rows in files:
        put(world, f"{source}/{number}.jsonl", rows)
        world.run()
        accounts = FileAccounts(world.lake).of_days(DAYS)
        assert [each for each in accounts if each.missing] == []
        assert FileAccounts(world.lake).agree_with_totals(DAYS, accounts)
        counted = sum(each.events for each in world.totals(DAYS))
        assert counted == sum(each.counted + each.waiting for each in accounts)

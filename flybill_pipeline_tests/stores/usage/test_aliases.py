"""Usage of an alias belongs to whom a file says, when it says so: held against a reader of rows in Python."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from flybill_pipeline.billing.usage.aliases import EVER, AliasPeriod, overlapping, remarks, waiting_alias, waiting_id
from flybill_pipeline.stores.usage.lake.aliases import AliasesRefusedError, AliasRow
from flybill_pipeline.stores.usage.lake.left_out import LeftOut, WaitingAlias
from flybill_pipeline_tests.stores.usage.usage_world import UsageWorld
from flybill_pipeline_tests.worlds.effort import examples

MAPPING = """
[[sources]]
name = "{name}"
id = "{name}-id"
format = "csv"
files = "{name}/*"
[sources.columns]
event_id = "id"
org_id = {{ column = "account", alias = {alias} }}
meter = {{ constant = "m" }}
quantity = "q"
occurred_at = "at"
"""
SOURCES = "".join(MAPPING.format(name=name, alias=str(name != "plain").lower()) for name in ("one", "two", "plain"))
START = datetime(2026, 10, 5, tzinfo=UTC)


@pytest.fixture
def world(engine: Engine) -> Iterator[UsageWorld]:
    with TemporaryDirectory(prefix="flybill-aliases-") as folder:
        yield UsageWorld(Path(folder), engine, SOURCES)


def at(hour: int) -> datetime:
    return START + timedelta(hours=hour)


def period(
    alias: str, org_id: str, start: datetime = EVER, end: datetime | None = None, source: str = "one"
) -> AliasRow:
    return AliasRow(2, AliasPeriod(f"{source}-id", alias, start, end, org_id))


def put(world: UsageWorld, name: str, *rows: tuple[str, int, int], source: str = "one") -> None:
    """A file with an event for each (account, quantity, hour after START)."""
    lines = [f"{name}-{n},{account},{q},{at(hour):%Y-%m-%dT%H:%M:%SZ}" for n, (account, q, hour) in enumerate(rows)]
    world.put(f"{source}/{name}.csv", "\n".join(["id,account,q,at", *lines]))


def test_what_belongs_to_nobody_waits_and_is_counted_once_somebody_owns_it(world: UsageWorld) -> None:
    put(world, "a", ("acct-1", 10, 0), ("acct-2", 5, 0), ("acct-1", 1, 30))
    world.run()
    assert world.quantities() == {"alias:one-id/acct-1": "11", "alias:one-id/acct-2": "5"}
    waiting = LeftOut(world.lake).waiting()
    assert waiting[0] == WaitingAlias("one-id", "acct-1", 2, date(2026, 10, 5), date(2026, 10, 6))
    assert [each.alias for each in LeftOut(world.lake).waiting(source="one-id")] == ["acct-1", "acct-2"]
    assert world.catalog.days_to_record() == ()
    assert world.lake.aliases.save([period("acct-1", "acme")]) == (1, 0)
    assert world.catalog.days_to_record() == (date(2026, 10, 5), date(2026, 10, 6))
    world.run()
    assert world.quantities() == {"acme": "11", "alias:one-id/acct-2": "5"}
    assert [each.alias for each in LeftOut(world.lake).waiting()] == ["acct-2"]
    assert world.catalog.days_to_record() == ()


def test_an_alias_moves_at_a_moment(world: UsageWorld) -> None:
    put(world, "a", ("acct", 1, 9), ("acct", 10, 10), ("acct", 100, 11), ("acct", 1000, 60))
    moved = [period("acct", "acme", end=at(10)), period("acct", "bolt", at(10), at(48))]
    world.lake.aliases.save(moved)
    world.run()
    assert world.quantities() == {"acme": "1", "bolt": "110", "alias:one-id/acct": "1000"}


def test_sources_have_aliases_of_their_own_and_an_id_of_an_organization_is_none(world: UsageWorld) -> None:
    put(world, "a", ("acme", 1, 0), source="one")
    put(world, "b", ("acme", 10, 0), source="two")
    put(world, "c", ("acme", 100, 0), source="plain")
    world.lake.aliases.save([period("acme", "bolt", source="one")])
    world.run()
    assert world.quantities() == {"bolt": "1", "alias:two-id/acme": "10", "acme": "100"}


def test_an_import_that_says_nothing_new_of_a_day_makes_no_new_version(world: UsageWorld) -> None:
    put(world, "a", ("acct", 1, 0), ("acct", 1, 30))
    world.lake.aliases.save([period("acct", "acme")])
    world.run()
    before = {day: manifest.version for day, manifest in world.catalog.manifests().items()}
    world.lake.aliases.save([period("other", "bolt"), period("acct", "acme", end=at(30))])
    world.run()
    after = {day: manifest.version for day, manifest in world.catalog.manifests().items()}
    assert (before[date(2026, 10, 5)] == after[date(2026, 10, 5)], len(before.items() & after.items())) == (True, 1)


def test_a_repeated_import_changes_nothing_and_an_empty_end_leaves_what_is_stored(world: UsageWorld) -> None:
    first = [period("acct", "acme", end=at(1)), period("acct", "bolt", at(1))]
    assert world.lake.aliases.save(first) == (2, 0)
    assert world.lake.aliases.save(first) == (0, 0)
    again = AliasRow(2, AliasPeriod("one-id", "acct", EVER, None, "acme"), says_end=False)
    assert world.lake.aliases.save([again]) == (0, 0)


def test_a_period_that_is_taken_away_leaves_its_usage_waiting(world: UsageWorld) -> None:
    put(world, "a", ("acct", 7, 0))
    world.lake.aliases.save([period("acct", "acme")])
    world.run()
    gone = AliasRow(2, AliasPeriod("one-id", "acct", EVER, None, "-"), taken_away=True)
    assert world.lake.aliases.save([gone]) == (0, 1)
    world.run()
    assert world.quantities() == {"alias:one-id/acct": "7"}
    with pytest.raises(AliasesRefusedError, match="row 2: there is no period of 'acct' that begins so"):
        world.lake.aliases.save([gone])


def test_an_alias_cannot_belong_to_two_at_one_time(world: UsageWorld) -> None:
    world.lake.aliases.save([period("acct", "acme")])
    late = AliasRow(9, AliasPeriod("one-id", "acct", at(24), None, "bolt"))
    with pytest.raises(AliasesRefusedError) as refused:
        world.lake.aliases.save([late])
    assert refused.value.faults == {
        9: "'acct' would belong to acme and to bolt from 2026-10-06 at one time: give the row of acme until 2026-10-06,"
        " or take a row away with - as its org_id"
    }
    world.lake.aliases.save([period("acct", "acme", end=at(24)), late])


def test_blanks_around_an_alias_are_no_part_of_it(world: UsageWorld) -> None:
    put(
        world,
        "a",
        (" acct", 1, 0),
        ("acct\t", 10, 0),
        ("\u00a0acct\u2003", 100, 0),
        ("ac ct", 1000, 0),
        ("\u3000", 7, 0),
    )
    world.lake.aliases.save([period("acct", "acme")])
    world.run()
    assert world.quantities() == {"acme": "111", "alias:one-id/ac ct": "1000"}
    assert [bad.reason for bad in world.lake.quarantine()] == ["org_missing"]


def test_what_is_like_an_alias_without_an_owner_is_said_of_it() -> None:
    known = [
        AliasPeriod("one", "acct-1", EVER, at(0), "acme"),
        AliasPeriod("one", "acct-1", at(30), None, "bolt"),
        AliasPeriod("one", "Stra\u00dfe\u00a01", EVER, None, "cleo"),
    ]
    assert remarks(["acct-1", "ACCT-1", "acct-1\u200b", "strasse1", "acct-2"], known) == {
        "acct-1": "at other times it belongs to acme until 2026-10-05 and to bolt from 2026-10-06T06:00:00Z",
        "ACCT-1": "'acct-1', which is written nearly so, belongs to acme",
        "acct-1\u200b": "'acct-1', which is written nearly so, belongs to acme",
        "strasse1": r"'Stra\xdfe\xa01', which is written nearly so, belongs to cleo",
    }


def test_the_sources_whose_usage_names_aliases_are_known_whatever_their_mappings_say_now(world: UsageWorld) -> None:
    put(world, "a", ("acct", 1, 0))
    put(world, "b", ("acme", 1, 0), source="plain")
    world.run()
    assert world.lake.aliases.sources() == {"one-id"}


def test_a_name_under_which_usage_waits_can_be_read() -> None:
    assert waiting_alias(waiting_id("one", "a/b:c")) == ("one", "a/b:c")
    assert waiting_alias("acme") is None


accounts = st.sampled_from(["a", "b", "c'\u202e"])
periods = st.lists(
    st.tuples(accounts, st.sampled_from(["acme", "bolt"]), st.integers(-1, 50), st.integers(0, 51)), max_size=6
)
events = st.lists(st.tuples(accounts, st.integers(-9, 9), st.integers(0, 50)), min_size=1, max_size=12)


@settings(max_examples=examples(8), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(periods, periods, events)
def test_whatever_is_owned_by_whom_each_event_counts_once_for_the_one_who_owns_it_then(
    engine: Engine,
    first: list[tuple[str, str, int, int]],
    second: list[tuple[str, str, int, int]],
    used: list[tuple[str, int, int]],
) -> None:
    with TemporaryDirectory(prefix="flybill-aliases-") as folder:
        with engine.begin() as connection:
            for table in ("aliases", "usage_exclusions", "usage_pieces", "usage_days", "usage_day_versions",
                          "lake_files", "landed_files"):  # fmt: skip
                connection.execute(text(f"drop table if exists flybill.{table} cascade"))
        world = UsageWorld(Path(folder), engine, SOURCES)
        put(world, "used", *used)
        for wanted in (first, second):
            for account, org, start, end in wanted:
                begins = EVER if start < 0 else at(start)
                try:
                    world.lake.aliases.save([period(account, org, begins, at(end) if end > max(start, 0) else None)])
                except AliasesRefusedError:
                    continue
            world.run()
            known = world.lake.aliases.of_source("one-id")
            assert not list(overlapping(known))
            assert {org: Decimal(sum_) for org, sum_ in world.quantities().items()} == owned(known, used)
            days = world.catalog.manifests().values()
            waits = [event for event in used if not any(holds(each, event) for each in known)]
            assert sum(day.owners.waiting if day.owners else 0 for day in days) == len(waits)


def holds(each: AliasPeriod, event: tuple[str, int, int]) -> bool:
    account, _, hour = event
    return each.alias == account and each.start <= at(hour) and (each.end is None or at(hour) < each.end)


def owned(known: list[AliasPeriod], used: list[tuple[str, int, int]]) -> dict[str, Decimal]:
    """What each organization has by these periods."""
    sums: dict[str, Decimal] = {}
    for event in used:
        org = next((each.org_id for each in known if holds(each, event)), waiting_id("one-id", event[0]))
        sums[org] = sums.get(org, Decimal(0)) + event[1]
    return sums

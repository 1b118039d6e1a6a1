"""Levels that are told, not changes of them: what they come to, against a slow reading of the rules row by row."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from flybill_pipeline.billing.money.decimals import divide, exact
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.price_changes import measures_needed, one_book
from flybill_pipeline.billing.usage.aliases import EVER, AliasPeriod
from flybill_pipeline.billing.usage.totals import EACH_DAY
from flybill_pipeline.stores.usage.intake.preview import InLake
from flybill_pipeline.stores.usage.lake.aliases import AliasRow
from flybill_pipeline.stores.usage.lake.tables import landed_files, usage_days, usage_exclusions, usage_pieces
from flybill_pipeline.stores.usage.months.measured_usage import MeasuredUsage
from flybill_pipeline.stores.usage.months.monthly_usage import MonthlyUsage
from flybill_pipeline_tests.billing.pricing.books import per_unit
from flybill_pipeline_tests.stores.usage.months.measured import APRIL, MARCH, NOW, lines, measured_by
from flybill_pipeline_tests.stores.usage.usage_world import UsageWorld, jsonl
from flybill_pipeline_tests.worlds.effort import examples

COMMON = """
format = "jsonl"
columns = { event_id = "id", org_id = "org", meter = { constant = "disk" }, quantity = "q", occurred_at = "at" }
dimensions = { volume = "volume", size = "size" }
"""
SOURCES = f"""
[[sources]]
name = "resizes"
files = "resizes/*"
levels = "absolute"
level_of = ["volume"]
on_conflict = "last"
{COMMON}
[[sources]]
name = "samples"
files = "samples/*"
levels = "absolute"
level_holds = {36 * 3600}
{COMMON}
[[sources]]
name = "accounts"
files = "accounts/*"
levels = "absolute"
level_holds = {36 * 3600}
{COMMON.replace('"org"', '{ column = "org", alias = true }')}
[[sources]]
name = "changes"
files = "changes/*"
{COMMON}
"""
HOLDS = timedelta(hours=36)
BEGINNING = datetime(2026, 2, 26, tzinfo=UTC)
DISK = measured_by("time_weighted")


@dataclass(frozen=True)
class Row:
    """A row of a source: what it says at `hour` since the beginning. Of rows with one id the last to arrive counts."""

    source: str
    id: int
    hour: int
    quantity: int
    volume: str
    size: str

    @property
    def at(self) -> datetime:
        return BEGINNING + timedelta(hours=self.hour)

    def written(self, org: str = "acme") -> dict[str, Any]:
        at = self.at.isoformat().replace("+00:00", "Z")
        return {"id": self.id, "org": org, "q": self.quantity, "at": at, "volume": self.volume, "size": self.size}


def level_at(moment: datetime, rows: Sequence[Row]) -> int:
    """What all is held at, straight from the rules: `rows` are in the order in which they arrived."""
    counting: dict[tuple[str, int], Row] = {}
    for row in rows:
        if row.source == "resizes" or (row.source, row.id) not in counting:
            counting.pop((row.source, row.id), None)
            counting[row.source, row.id] = row
    level, told = 0, dict[tuple[str, ...], Row]()
    for row in sorted(counting.values(), key=lambda row: row.at):  # of one instant the last to arrive comes last
        if row.at > moment:
            continue
        if row.source == "changes":
            level += row.quantity
        else:
            told[(row.source, row.volume) + ((row.size,) if row.source == "samples" else ())] = row
    for row in told.values():
        level += 0 if row.source == "samples" and moment >= row.at + HOLDS else row.quantity
    return max(level, 0)


def level_hours(month: Month, rows: Sequence[Row], until: datetime | None = None) -> Decimal:
    """All hours of the month, one by one: nothing happens within an hour."""
    end = min(until or month.end, month.end)
    hours = int((end - month.start) / timedelta(hours=1))
    return Decimal(sum(level_at(month.start + timedelta(hours=hour), rows) for hour in range(hours)))


ROWS = st.lists(
    st.builds(
        Row,
        source=st.sampled_from(["resizes", "resizes", "samples", "changes"]),
        id=st.integers(1, 9),
        hour=st.builds(lambda day, hour: 24 * day + hour, st.sampled_from([1, 4, 33, 34]), st.integers(0, 23)),
        quantity=st.integers(-2, 9),
        volume=st.sampled_from("ab"),
        size=st.sampled_from("sl"),
    ),
    min_size=3,
    max_size=9,
)


def land(world: UsageWorld, rows: Sequence[Row], org: str = "acme") -> None:
    for source in sorted({row.source for row in rows}):
        written = [row.written(org) for row in rows if row.source == source]
        world.put(f"{source}/{uuid4().hex}.jsonl", jsonl(*written))
    world.run(NOW)


def hours(world: UsageWorld, month: Month, until: datetime | None = None, org: str = "acme") -> Decimal:
    with exact():
        return sum((line.quantity for line in lines(world, month, DISK, until=until, org=org)), Decimal(0))


@settings(max_examples=examples(3), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, ROWS)
def test_levels_come_to_what_the_rules_say_row_by_row(
    tmp_path: Path, engine: Engine, rows: list[Row], late: list[Row]
) -> None:
    with engine.begin() as connection:
        for table in (usage_exclusions, usage_days, usage_pieces, landed_files):
            connection.execute(table.delete())
    (root := tmp_path / uuid4().hex).mkdir()
    world, noon = UsageWorld(root, engine, SOURCES), datetime(2026, 3, 14, 12, tzinfo=UTC)
    for landed, more in ((rows, rows), (rows + late, late)):
        land(world, more)
        # What April began with is kept now, and is another once March has rows that came late.
        found = [hours(world, APRIL), hours(world, MARCH), hours(world, MARCH, noon)]
        assert found == [level_hours(APRIL, landed), level_hours(MARCH, landed), level_hours(MARCH, landed, noon)]
    dearer = replace(DISK, effective_from=date(2026, 3, 15), prices=(per_unit("2", "disk"),))
    by_book = lines(world, MARCH, DISK, dearer)
    assert sum(line.quantity for line in by_book) == hours(world, MARCH)


@pytest.fixture
def world(tmp_path: Path, engine: Engine) -> UsageWorld:
    return UsageWorld(tmp_path, engine, SOURCES)


def test_what_is_told_holds_over_months_and_a_label_that_changes_makes_no_second_level(world: UsageWorld) -> None:
    land(world, [Row("resizes", 1, 48, 100, "a", "s"), Row("resizes", 2, 72, 40, "b", "s")])  # 28 February, 1 March
    land(world, [Row("resizes", 3, 72 + 31 * 24 + 24, 250, "a", "l")])  # 2 April
    assert hours(world, MARCH) == 140 * 31 * 24
    apart = replace(DISK, prices=(replace(per_unit("1", "disk"), group_by=("size",)),))
    by_size = {line.dimensions["size"]: int(line.quantity) for line in lines(world, APRIL, apart)}
    assert by_size == {"s": 100 * 24 + 40 * 30 * 24, "l": 250 * 29 * 24}
    measured = MeasuredUsage(world.lake)
    assert [int(row.level) for row in measured.levels(APRIL.first_day, ["disk"])] == [100, 40]
    assert [int(row.level) for row in measured.levels(date(2026, 4, 3), ["disk"])] == [250, 40]


def test_a_sample_holds_for_as_long_as_its_source_says_and_silence_ends_it(world: UsageWorld) -> None:
    last = 33 * 24 + 23  # 23:00 on 31 March
    land(world, [Row("samples", 1, last - 40, 10, "a", "s"), Row("samples", 2, last, 10, "a", "s")])
    assert hours(world, MARCH) == 10 * 36 + 10
    assert hours(world, APRIL) == 10 * 35
    soon = APRIL.start + timedelta(hours=2)
    assert hours(world, APRIL, soon) == 20


def test_of_rows_of_one_instant_the_lower_one_holds_and_of_sources_each_has_its_own(world: UsageWorld) -> None:
    land(world, [Row("resizes", 1, 72, 100, "a", "s"), Row("resizes", 2, 72, 0, "a", "s")])
    assert hours(world, MARCH) == 0
    land(world, [Row("changes", 1, 72, 7, "a", "s"), Row("samples", 1, 72, 1, "a", "s")])
    assert hours(world, MARCH) == 7 * 31 * 24 + 36
    land(world, [Row("changes", 2, 73, -8, "a", "s")])  # with the sample it is at zero, and below that when it ends
    (line,) = lines(world, MARCH, DISK)
    assert line.quantity == 8
    assert [step.step for step in line.working] == ["units", "below_zero"]


def test_levels_that_are_told_are_exact_to_the_microsecond_and_the_18th_decimal(world: UsageWorld) -> None:
    huge = "123456789012.123456789012345678"
    first = {"id": 1, "org": "acme", "q": huge, "at": "2026-03-01T00:00:00.000001Z"}
    world.put("resizes/1.jsonl", jsonl(first, {**first, "id": 2, "q": "0.1", "at": "2026-03-31T23:59:59.999999Z"}))
    world.run(NOW)
    (line,) = lines(world, MARCH, measured_by("time_weighted", "0.000001", multiply_by=Decimal(3600)))
    with exact():
        micros = Decimal(31 * 86_400_000_000 - 2)
        assert line.quantity == divide(Decimal(huge) * micros + Decimal("0.1"), Decimal(3_600_000_000)) * 3600


def test_another_fingerprint_when_anything_of_it_changes_and_none_else(world: UsageWorld) -> None:
    usage = MonthlyUsage(world.lake, lambda _: measures_needed([one_book(DISK, APRIL)]))
    land(world, [Row("samples", 1, 33 * 24, 10, "a", "s"), Row("resizes", 1, 72, 5, "a", "s")], "bolt")
    land(world, [Row("resizes", 2, 72, 5, "a", "s")])

    def seen() -> tuple[str, str]:
        prints = usage.fingerprints(APRIL, None)
        return prints["acme"], prints["bolt"]

    acme, bolt = seen()
    assert usage.orgs(APRIL, None) == {"acme": True, "bolt": True}
    land(world, [Row("resizes", 7, 71, 9, "a", "s")], "bolt")  # earlier than what holds
    assert seen() == (acme, bolt)
    land(world, [Row("resizes", 8, 73, 5, "a", "l")], "bolt")  # another label, as much
    later = seen()
    assert later[0] == acme
    assert later[1] != bolt


def test_usage_says_which_sources_told_levels_of_it_by_the_rows_that_count(world: UsageWorld) -> None:
    usage = MonthlyUsage(world.lake)
    land(world, [Row("changes", 1, 80, 9, "a", "s")], "acme")
    land(world, [Row("changes", 1, 80, 9, "a", "s"), Row("resizes", 1, 80, 9, "a", "s")], "bolt")

    def told(month: Month, *orgs: str, days_from: date | None = None) -> dict[str, set[tuple[str, ...]]]:
        found = usage.of_month(month, None, orgs, days_from=days_from)
        return {each.org_id: {total.told_by for total in each.totals} for each in found}

    changed_only = usage.fingerprints(MARCH, None)["acme"]
    assert told(MARCH, days_from=EACH_DAY) == {"acme": {()}, "bolt": {("resizes",)}}
    land(world, [Row("samples", 1, 90, 9, "a", "s")], "bolt")
    land(world, [Row("resizes", 1, 80, 9, "a", "s")], "cleo")  # the row of bolt comes again, as that of another
    assert told(MARCH) == {"acme": {()}, "bolt": {("samples",)}, "cleo": {("resizes",)}}
    assert told(MARCH, "bolt") == {"bolt": {("samples",)}}
    prints = usage.fingerprints(MARCH, None)
    assert prints["acme"] == changed_only
    assert prints["cleo"] != changed_only  # of the same totals
    assert told(APRIL) == {}


def test_each_account_of_an_organization_has_levels_of_its_own(world: UsageWorld) -> None:
    """Alike in all that the source names: two disks of two accounts are no disk that jumps."""
    owned = [AliasPeriod("accounts", account, EVER, None, "acme") for account in ("one", "two")]
    world.lake.aliases.save([AliasRow(2, period) for period in owned])
    written = [
        Row("accounts", number, 72, 10 * number, "a", "s").written(alias) for number, alias in ((1, "one"), (2, "two"))
    ]
    again = Row("accounts", 3, 73, 5, "a", "s").written("one")
    world.put("accounts/1.jsonl", jsonl(*written, again))
    world.run(NOW)
    assert hours(world, MARCH) == 10 + 20 * 36 + 5 * 36
    seen = world.landing.preview(
        world.landing.root / "accounts/1.jsonl", "accounts", InLake(world.lake.root, aliases=owned)
    )
    assert [(each.org_id, each.quantity) for each in seen.sums] == [("acme", "25")]

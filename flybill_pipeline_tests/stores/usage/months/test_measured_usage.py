"""Every aggregation, from landed files to the quantity of a line, against answers worked out by hand."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from flybill_pipeline.billing.money.decimals import divide, exact
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.price_changes import measures_needed, one_book
from flybill_pipeline.billing.pricing.usage_lines import price_month
from flybill_pipeline.billing.usage.meters import Aggregation
from flybill_pipeline.stores.usage.lake.tables import landed_files, usage_days, usage_exclusions, usage_pieces
from flybill_pipeline.stores.usage.months.monthly_usage import MonthlyUsage
from flybill_pipeline_tests.billing.pricing.books import per_unit
from flybill_pipeline_tests.stores.usage.months.measured import APRIL, MARCH, NOW, lines, measured_by
from flybill_pipeline_tests.stores.usage.usage_world import UsageWorld, jsonl
from flybill_pipeline_tests.worlds.effort import examples

SOURCES = """
[[sources]]
name = "usage"
format = "jsonl"
files = "usage/*"
columns = { event_id = "id", org_id = "org", meter = { constant = "disk" }, quantity = "q", occurred_at = "at" }
dimensions = { volume = "volume", user = "user" }
"""


@pytest.fixture
def world(tmp_path: Path, engine: Engine) -> UsageWorld:
    return UsageWorld(tmp_path, engine, SOURCES)


def event(at: str, quantity: str, volume: str | None = None, org: str = "acme", **more: Any) -> dict[str, Any]:
    return {"id": uuid4().hex, "org": org, "q": quantity, "at": f"2026-{at}Z", "volume": volume, **more}


def land(world: UsageWorld, *events: dict[str, Any]) -> None:
    world.put(f"usage/{uuid4().hex}.jsonl", jsonl(*events))
    world.run(NOW)


def quantity(world: UsageWorld, month: Month, aggregation: str, until: datetime | None = None, **more: Any) -> Decimal:
    (line,) = lines(world, month, measured_by(aggregation, **more), until=until)
    return line.quantity


@pytest.mark.parametrize(
    ("aggregation", "per", "expected"),
    [
        ("sum", (), "21.5"),
        ("count", (), "6"),
        ("max", (), "9"),
        ("max", ("volume",), "13"),
        ("latest", (), "1.5"),
        ("latest", ("volume",), "5.5"),
        ("unique_count", (), "6"),
    ],
)
def test_a_month_of_events_becomes_one_quantity(
    world: UsageWorld, aggregation: str, per: tuple[str, ...], expected: str
) -> None:
    land(world, event("03-02T10:00:00", "5", "a"), event("03-02T11:00:00", "9", "a"), event("03-03T09:00:00", "2", "a"))
    land(
        world, event("03-31T23:59:59", "1.5", "a"), event("03-02T08:00:00", "0", "b"), event("03-20T08:00:00", "4", "b")
    )
    assert quantity(world, MARCH, aggregation, per=per) == Decimal(expected)
    assert lines(world, MARCH, measured_by(aggregation, per=per))[0].usage == Decimal("21.5")


def test_peaks_below_zero_and_the_largest_of_one_instant(world: UsageWorld) -> None:
    land(world, event("03-02T10:00:00", "-5"), event("03-02T10:00:00", "3"), event("03-01T10:00:00", "1"))
    assert quantity(world, MARCH, "max") == 3
    assert quantity(world, MARCH, "latest") == 3
    land(world, event("03-03T10:00:00", "-3"))
    assert quantity(world, MARCH, "max") == 3
    assert quantity(world, MARCH, "latest") == 0


def test_a_label_that_changes_on_one_day_makes_no_second_level(world: UsageWorld) -> None:
    land(world, event("03-02T10:00:00", "4", user="premium"), event("03-02T17:00:00", "1", user="self-service"))
    assert quantity(world, MARCH, "latest") == 1
    assert quantity(world, MARCH, "max") == 4
    land(world, event("03-02T17:30:00", "3", user="premium"))
    assert quantity(world, MARCH, "latest") == 3


def test_a_correction_is_one_call_less_also_where_other_books_measure_the_meter(world: UsageWorld) -> None:
    land(world, *(event(f"03-0{day}T10:00:00", "1") for day in range(1, 6)), event("03-07T10:00:00", "-1"))
    assert quantity(world, MARCH, "count") == 4
    counted, peaks = (one_book(measured_by(aggregation), MARCH) for aggregation in ("count", "max"))
    (usage,) = MonthlyUsage(world.lake).of_month(MARCH, None, measures=measures_needed([counted, peaks]))
    assert price_month(counted, usage.totals).lines[0].quantity == 4


@pytest.mark.parametrize("first", [date(2026, 3, 2), date(2026, 3, 3)])
def test_days_that_were_compiled_before_corrections_were_counted_are_read(world: UsageWorld, first: date) -> None:
    land(world, event("03-02T10:00:00", "1"), event("03-03T10:00:00", "-1"))
    rollups = world.lake.catalog.rollups([date(2026, 3, 2), date(2026, 3, 3)])
    for aged in (first, *(rollups.keys() - {first})):
        file = str(world.lake.root / rollups[aged])
        with duckdb.connect() as connection:
            connection.execute(f"create table old as select * exclude corrections from read_parquet('{file}')")
            connection.execute(f"copy old to '{file}' (format parquet)")
        world.lake.guard.keep([rollups[aged]])
        corrected = 0 if aged == first == date(2026, 3, 2) else 2  # once its file knows none, a correction is an event
        assert quantity(world, MARCH, "count") == corrected
        assert len(MonthlyUsage(world.lake).fingerprints(MARCH, None)) == 1


def test_a_quantity_that_comes_on_two_days_is_one(world: UsageWorld) -> None:
    land(world, *(event(f"03-{day:02d}T10:00:00", "7") for day in range(1, 20)), event("03-05T01:00:00", "7.5"))
    assert quantity(world, MARCH, "unique_count") == 2
    land(world, event("04-01T00:00:00", "7"))
    assert quantity(world, APRIL, "unique_count") == 1


def test_a_unique_count_of_a_dimension_counts_each_value_once_a_line(world: UsageWorld) -> None:
    people = [
        event(f"03-0{n}T10:00:00", "1", v, user=user) for n, v, user in ((1, "a", "x"), (2, "b", "x"), (3, "a", "y"))
    ]
    land(world, *people)
    assert quantity(world, MARCH, "unique_count", distinct="user") == 2
    assert quantity(world, MARCH, "unique_count") == 3


def test_a_correction_never_raises_a_unique_count_and_takes_back_what_it_names(world: UsageWorld) -> None:
    land(world, event("03-01T10:00:00", "7"), event("03-05T10:00:00", "7"), event("03-03T10:00:00", "-7"))
    assert quantity(world, MARCH, "unique_count") == 1
    assert quantity(world, MARCH, "unique_count", distinct="user") == 1
    land(world, event("03-02T10:00:00", "-7"))
    assert quantity(world, MARCH, "unique_count") == 0
    assert quantity(world, MARCH, "unique_count", distinct="user") == 0
    land(world, event("03-02T10:00:00", "1", user="x"), event("03-02T11:00:00", "-1", user="x"))
    land(world, event("03-09T10:00:00", "1", user="y"))
    assert quantity(world, MARCH, "unique_count", distinct="user") == 1
    assert quantity(world, MARCH, "unique_count") == 1


# Time-weighted: events change a level, and level x hours is billed.


def test_a_level_counts_from_its_own_moment(world: UsageWorld) -> None:
    land(world, event("03-05T00:00:00", "2500"))
    assert quantity(world, MARCH, "time_weighted") == 2500 * 27 * 24
    months = quantity(world, MARCH, "time_weighted", divide_by=Decimal(31 * 24))
    assert months.quantize(Decimal("0.01")) == Decimal("2177.42")
    assert quantity(world, MARCH, "time_weighted", until=datetime(2026, 3, 5, 12, tzinfo=UTC)) == 2500 * 12


def test_a_level_is_carried_into_the_next_month_and_changed_there(world: UsageWorld) -> None:
    # 2500 until April 2nd, 500 until the 26th, then 300: the case of 533.33 a month of 30 days.
    land(world, event("03-05T00:00:00", "2500"))
    land(world, event("04-02T00:00:00", "-2000"), event("04-26T00:00:00", "-200"))
    april = quantity(world, APRIL, "time_weighted", divide_by=Decimal(30 * 24))
    assert april.quantize(Decimal("0.01")) == Decimal("533.33")
    (line,) = lines(world, APRIL, measured_by("time_weighted"))
    assert line.quantity == (2500 + 24 * 500 + 5 * 300) * 24
    assert line.usage == -2200


def test_what_a_level_came_to_is_read_from_one_file_until_an_earlier_month_changes(world: UsageWorld) -> None:
    land(world, event("01-05T00:00:00", "4"), event("02-05T00:00:00", "3", "a"), event("03-31T00:00:00", "-2"))
    assert quantity(world, APRIL, "time_weighted") == 5 * 30 * 24
    asked, rows = list[str](), world.lake.file_rows

    def noted(paths: Collection[str]) -> str:
        asked.extend(paths)
        return rows(paths)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.lake, "file_rows", noted)
        assert quantity(world, APRIL, "time_weighted") == 5 * 30 * 24
        assert {path.split("/")[1] for path in asked} == {"before=2026-04-01"}
        asked.clear()
        land(world, event("02-20T00:00:00", "10"))
        assert quantity(world, APRIL, "time_weighted") == 15 * 30 * 24
    told = {path.split("/")[1] for path in asked if path.startswith(("daily", "measures/before"))}
    made_again = {"before=2026-03-01", "before=2026-04-01", "day=2026-02-05", "day=2026-02-20", "day=2026-03-31"}
    assert told == {"before=2026-02-01", *made_again}


def test_a_level_is_billed_in_a_month_without_any_event_until_it_is_gone(world: UsageWorld) -> None:
    land(world, event("03-31T12:00:00", "10", "a"))
    (line,) = lines(world, APRIL, measured_by("time_weighted"))
    assert line.quantity == 10 * 30 * 24
    assert line.usage == 0
    land(world, event("03-31T18:00:00", "-10", "a"))
    assert quantity(world, MARCH, "time_weighted") == 60
    assert lines(world, APRIL, measured_by("time_weighted")) == ()


def test_a_level_below_zero_counts_as_zero_and_its_line_says_so(world: UsageWorld) -> None:
    land(world, event("03-01T00:00:00", "-100", "a"))
    (line,) = lines(world, MARCH, measured_by("time_weighted"))
    assert (int(line.quantity), line.amount_minor, int(line.usage)) == (0, 0, -100)
    assert line.description == "disk · 0 units @ $1.00, below zero for 744 hours, which count as zero"
    assert [step.step for step in line.working] == ["below_zero"]
    (next_month,) = lines(world, APRIL, measured_by("time_weighted"))
    assert (int(next_month.quantity), [step.step for step in next_month.working]) == (0, ["below_zero"])
    land(world, event("02-01T00:00:00", "100", "a"))  # what was there before metering began
    assert lines(world, MARCH, measured_by("time_weighted"))[0].working == ()
    assert lines(world, APRIL, measured_by("time_weighted")) == ()


def test_a_level_that_is_below_zero_for_a_part_of_a_day_pays_for_the_rest(world: UsageWorld) -> None:
    land(world, event("03-05T08:00:00", "-6", "a"), event("03-05T10:00:00", "9", "a"), event("03-06T00:00:00", "-3"))
    for until, hours in ((None, 14), (datetime(2026, 3, 5, 12, tzinfo=UTC), 2)):
        assert quantity(world, MARCH, "time_weighted", until=until) == 3 * hours
    (line,) = lines(world, MARCH, measured_by("time_weighted"))
    assert [step.note for step in line.working if step.note] == ["below zero for 2 hours, which count as zero"]


def test_a_label_that_changes_before_a_level_ends_leaves_nothing_behind(world: UsageWorld) -> None:
    land(world, event("03-01T00:00:00", "100", user="premium"), event("03-11T00:00:00", "-100", user="self-service"))
    assert quantity(world, MARCH, "time_weighted") == 100 * 240
    (together,) = lines(world, MARCH, measured_by("time_weighted"))
    assert [step.step for step in together.working] == ["units"]
    assert [line.amount_minor for line in lines(world, APRIL, measured_by("time_weighted"))] == [0]


def test_another_order_of_the_same_changes_is_another_fingerprint(world: UsageWorld) -> None:
    """Both days come to the same sum and the same level x time; one of them is below zero for a while."""
    usage = MonthlyUsage(world.lake, lambda _: measures_needed([one_book(measured_by("time_weighted"), MARCH)]))
    land(world, event("03-05T08:00:00", "5", org="up"), event("03-05T12:00:00", "-10", org="up"))
    land(world, event("03-05T16:00:00", "5", org="up"))
    land(world, event("03-05T08:00:00", "-5", org="down"), event("03-05T12:00:00", "10", org="down"))
    land(world, event("03-05T16:00:00", "-5", org="down"))
    assert lines(world, MARCH, measured_by("time_weighted"), org="up")[0].quantity == 20
    assert lines(world, MARCH, measured_by("time_weighted"), org="down")[0].quantity == 20
    assert len(set(usage.fingerprints(MARCH, None).values())) == 2


def test_level_times_are_exact_where_binary_and_38_digits_are_not(world: UsageWorld) -> None:
    huge = "123456789012.123456789012345678"
    land(world, event("03-01T00:00:00.000001", huge), event("03-31T23:59:59.999999", "-0.1"))
    micros = Decimal(31 * 86_400_000_000)
    (line,) = lines(world, MARCH, measured_by("time_weighted", "0.000001", multiply_by=Decimal(3600)))
    with exact():
        level_seconds = (Decimal(huge) * (micros - 1) - Decimal("0.1")) / 1_000_000
        assert abs(line.quantity - level_seconds) < Decimal("1e-14")


def test_a_price_change_splits_a_level_by_time(world: UsageWorld) -> None:
    land(world, event("03-30T00:00:00", "10"), event("04-21T12:00:00", "5"))
    old, new = measured_by("time_weighted"), measured_by("time_weighted")
    dearer = replace(new, effective_from=date(2026, 4, 11), prices=(per_unit("2", "disk"),))
    found = lines(world, APRIL, old, dearer)
    assert sorted(line.quantity for line in found) == [10 * 240, 10 * 20 * 24 + 5 * 9 * 24 + 5 * 12]


@pytest.mark.parametrize(("aggregation", "measure"), [("max", 3), ("latest", 1), ("unique_count", 3)])
def test_what_is_measured_once_a_month_is_shared_by_days(world: UsageWorld, aggregation: str, measure: int) -> None:
    land(world, *(event(f"04-{day:02d}T10:00:00", str(n)) for day, n in ((1, 3), (10, 2), (11, 3), (20, 1))))
    dearer = replace(measured_by(aggregation), effective_from=date(2026, 4, 11), prices=(per_unit("2", "disk"),))
    first, second = lines(world, APRIL, measured_by(aggregation), dearer)
    assert [int(line.quantity) for line in (first, second)] == [measure, measure]
    assert first.amount == divide(Decimal(measure) * 10, Decimal(30))
    assert second.amount == divide(Decimal(measure) * 2 * 20, Decimal(30))
    assert [line.usage for line in (first, second)] == [5, 4]


def test_a_value_counts_once_a_month_though_prices_change(world: UsageWorld) -> None:
    def seen(day: int, user: str, volume: str = "a") -> dict[str, Any]:
        return event(f"04-{day:02d}T10:00:00", "1", volume, user=user)

    land(world, seen(2, "x"), seen(10, "y"), seen(11, "x"), seen(11, "z"), seen(12, "x", "b"), seen(30, "z"))
    old = measured_by("unique_count", distinct="user")
    dearer = replace(old, effective_from=date(2026, 4, 11), prices=(per_unit("2", "disk"),))
    same = replace(old, effective_from=date(2026, 4, 11))
    apart = replace(dearer, prices=(replace(per_unit("2", "disk"), group_by=("volume",)),))
    assert [line.quantity for line in lines(world, APRIL, old, same)] == [3]
    assert [line.amount_minor for line in lines(world, APRIL, old, dearer)] == [
        100,
        400,
    ]  # 3 x 1 x 10/30, 3 x 2 x 20/30
    # A line that holds less counts what it would hold if it had been there all month: x in both volumes.
    by_volume = {line.dimensions.get("volume", "both"): line for line in lines(world, APRIL, old, apart)}
    assert {name: int(line.quantity) for name, line in by_volume.items()} == {"both": 3, "a": 3, "b": 1}
    assert {name: line.amount_minor for name, line in by_volume.items()} == {"both": 100, "a": 400, "b": 133}


def test_two_books_may_measure_one_meter_differently(world: UsageWorld) -> None:
    land(world, event("04-10T00:00:00", "4"), event("04-11T00:00:00", "-1"), event("03-31T23:00:00", "2"))
    peaks, levels = one_book(measured_by("max"), APRIL), one_book(measured_by("time_weighted"), APRIL)
    needed = measures_needed([peaks, levels])
    (usage,) = MonthlyUsage(world.lake).of_month(APRIL, None, measures=needed)
    assert price_month(peaks, usage.totals).lines[0].quantity == 4
    assert price_month(levels, usage.totals).lines[0].quantity == (2 * 30 + 4 + 3 * 20) * 24
    assert {price_month(books, usage.totals).lines[0].usage for books in (peaks, levels)} == {Decimal(3)}


def test_what_was_not_measured_is_never_priced(world: UsageWorld) -> None:
    land(world, event("04-10T00:00:00", "4"))
    (usage,) = MonthlyUsage(world.lake).of_month(APRIL, None)
    with pytest.raises(ValueError, match=r"'disk' of acme was not measured by max"):
        price_month(one_book(measured_by("max"), APRIL), usage.totals)


def test_a_late_event_measures_its_day_again_and_no_other(world: UsageWorld) -> None:
    land(world, event("03-05T00:00:00", "1"), event("03-06T00:00:00", "2"))
    assert quantity(world, MARCH, "max") == 2
    before = set((world.lake.root / "measures").rglob("*.parquet"))
    land(world, event("03-05T01:00:00", "8"))
    assert quantity(world, MARCH, "max") == 8
    after = set((world.lake.root / "measures").rglob("*.parquet"))
    assert {file.parent.name for file in after - before} == {"day=2026-03-05"}


# Order, repeats and files do not matter.


@dataclass(frozen=True)
class Told:
    """One event: the hour of the month, what it says, of which volume."""

    hour: int
    quantity: int
    volume: str


TOLD = st.lists(
    st.builds(Told, st.integers(0, 29 * 24), st.integers(-3, 9), st.sampled_from("ab")), min_size=1, max_size=12
)


def expected(aggregation: str, told: Iterable[Told]) -> Decimal:
    """The same by brute force; different quantities are counted in each volume, the others know one series."""
    by_volume: dict[str, list[Told]] = {}
    for one in told:
        by_volume.setdefault(one.volume if aggregation == "unique_count" else "", []).append(one)
    month = 30 * 24
    of_series: dict[str, Callable[[list[Told]], int]] = {
        "sum": lambda s: sum(t.quantity for t in s),
        "count": lambda s: sum(-1 if t.quantity < 0 else 1 for t in s),
        "max": lambda s: max(0, *(t.quantity for t in s)),
        "latest": lambda s: max(0, max((t.hour, t.quantity) for t in s)[1]),
        "unique_count": lambda s: sum(
            sum((-1 if t.quantity < 0 else 1) for t in s if abs(t.quantity) == size) > 0 for size in range(10)
        ),
        "time_weighted": lambda s: sum(max(sum(t.quantity for t in s if t.hour <= hour), 0) for hour in range(month)),
    }
    quantity_of = of_series[aggregation]
    return Decimal(sum(quantity_of(series) for series in by_volume.values()))


@settings(max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TOLD, st.randoms(use_true_random=False), st.integers(1, 3))
def test_order_repeats_and_files_do_not_matter(
    tmp_path: Path, engine: Engine, told: list[Told], chance: Any, files: int
) -> None:
    with engine.begin() as connection:
        for table in (usage_exclusions, usage_days, usage_pieces, landed_files):
            connection.execute(table.delete())
    (root := tmp_path / uuid4().hex).mkdir()
    world = UsageWorld(root, engine, SOURCES)
    events = [event(f"04-{t.hour // 24 + 1:02d}T{t.hour % 24:02d}:00:00", str(t.quantity), t.volume) for t in told]
    shuffled = events + chance.sample(events, len(events) // 2)
    chance.shuffle(shuffled)
    for part in range(files):
        if shuffled[part::files]:
            land(world, *shuffled[part::files])
    for aggregation in Aggregation:
        found = lines(world, APRIL, measured_by(aggregation))
        assert sum((line.quantity for line in found), Decimal(0)) == expected(aggregation, told), aggregation

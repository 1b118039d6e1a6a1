"""Totals of tables are landed whole days at a time; what fails, is cut off or would take usage back, loses nothing."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

import pytest

from flybill_pipeline.billing.usage.tables import (
    NO_DAY,
    Counted,
    CountedDay,
    KnownDay,
    KnownTable,
    Looked,
    NotPulledError,
    Pulled,
    PulledDay,
)
from flybill_pipeline.steps.usage.pull_tables import PullReport, TablesNotPulledError, pull_tables

NOW = datetime(2026, 10, 20, tzinfo=UTC)
FIFTH, SIXTH, SEVENTH = date(2026, 10, 5), date(2026, 10, 6), date(2026, 10, 7)


def a_day(day: date, rows: int, location: str = "", totals: int = 1, meter: str = "gb") -> PulledDay:
    file = location or f"{day} {rows}"
    return PulledDay(day, file, totals, rows, 0, frozenset({meter}), digest=file)


@dataclass
class Table:
    """A table that has these days: a look finds those that are `new` of them, by default all. A digest is a file."""

    days: Sequence[PulledDay] = ()
    key: str = "warehouse"
    deletes: bool = False
    keeps_days: int | None = None
    new: Sequence[date] | None = None
    mapping: str = "m"
    down: str = ""
    looked_since: list[str | None] = field(default_factory=list)
    linked: Sequence[date] = ()
    whole_looks: int = 0

    @property
    def name(self) -> str:
        return self.key

    def counted(self, watermark: str | None, now: datetime) -> Counted:
        self.whole_looks += 1
        there = {day.day: CountedDay(day.there, day.digest, int(self._is_new(day.day))) for day in self.days}
        return Counted({day: each for day, each in there.items() if each.rows}, f"after {self.days}")

    @contextmanager
    def pulled(self, watermark: str | None, now: datetime, days: Sequence[date] | None = None) -> Iterator[Pulled]:
        self.looked_since.append(watermark)
        if self.down:
            raise NotPulledError(self.down)
        if days is None:
            yield Pulled([day for day in self.days if watermark is None or self._is_new(day.day)], f"after {self.days}")
        else:
            empty = [PulledDay(day, "empty", 0, 0, 0) for day in days if day not in {each.day for each in self.days}]
            yield Pulled([*empty, *(day for day in self.days if day.day in {*days, *self.linked})], "not looked at")

    def _is_new(self, day: date) -> bool:
        return self.new is None or day in self.new


@dataclass
class World:
    """Tables, a landing zone and a ledger; whatever breaks, breaks at a path."""

    tables: list[Table]
    levels: Mapping[str, str] = field(default_factory=dict)
    zone: dict[str, str] = field(default_factory=dict)
    days: dict[date, KnownDay] = field(default_factory=dict)
    compared_at: datetime | None = None
    watermark: str | None = None
    full_at: str = ""

    def all(self) -> Sequence[Table]:
        return self.tables

    def not_sums(self) -> Mapping[str, str]:
        return self.levels

    def bring(self, location: str, path: str) -> bool:
        if path == self.full_at:
            raise OSError("no room")
        changed = not self.holds(location, path)
        self.zone[path] = location
        return changed

    def holds(self, location: str, path: str) -> bool:
        return self.zone.get(path) == location

    def working_on(self, source: str) -> AbstractContextManager[None]:
        return nullcontext()

    def known(self, source: str, mapping: str) -> KnownTable:
        return KnownTable(self.watermark, dict(self.days), self.compared_at)

    def brought(self, source: str, mapping: str, day: PulledDay, watermark: str | None, now: datetime) -> None:
        self.days[day.day] = KnownDay(day.there, day.digest, day.elsewhere)

    def pulled(self, source: str, mapping: str, watermark: str | None, looked: Looked) -> None:
        self.watermark = watermark
        self.compared_at = looked.at if looked.whole else self.compared_at

    def look(self, whole_since: datetime = NOW) -> PullReport:
        return pull_tables(self, self, self, NOW, whole_since)

    def whole(self) -> PullReport:
        return self.look(NOW + timedelta(seconds=1))


def test_each_day_has_its_place_and_what_did_not_change_is_left_alone() -> None:
    world = World([Table([a_day(FIFTH, 3), a_day(SIXTH, 4)])])
    (report,) = world.look().tables
    assert (report.days, report.changed, report.rows) == (2, [FIFTH, SIXTH], 7)
    assert world.zone == {
        "warehouse/2026-10-05.parquet": "2026-10-05 3",
        "warehouse/2026-10-06.parquet": "2026-10-06 4",
    }
    (again,) = world.look().tables
    assert again.changed == []
    world.look().require_all()
    assert world.tables[0].looked_since[0] is None
    assert world.tables[0].looked_since[1] == world.watermark


def test_a_table_that_does_not_answer_stops_no_other() -> None:
    world = World([Table(key="down", down="nobody is there"), Table([a_day(FIFTH, 3)])])
    report = world.look()
    assert [table.source for table in report.tables] == ["warehouse"]
    with pytest.raises(TablesNotPulledError, match=r"usage of down did not come.* nobody is there\. .* next look"):
        report.require_all()


def test_a_look_that_is_cut_off_is_taken_again() -> None:
    world = World([Table([a_day(FIFTH, 3), a_day(SIXTH, 4)])], full_at="warehouse/2026-10-06.parquet")
    with pytest.raises(OSError, match="no room"):
        world.look()
    assert (len(world.zone), world.watermark) == (1, None)
    world.full_at = ""
    (report,) = world.look().tables
    assert report.changed == [SIXTH]


@pytest.mark.parametrize("new", [(SIXTH,), ()], ids=["beside a new row", "seen by a whole look only"])
def test_rows_that_are_gone_take_nothing_back_until_somebody_says_so(new: Sequence[date]) -> None:
    world = World([Table([a_day(FIFTH, 3), a_day(SIXTH, 4), a_day(SEVENTH, 4)])])
    world.look()
    before, table = world.watermark, world.tables[0]
    table.days = [a_day(FIFTH, 3), a_day(SIXTH, 2), a_day(SEVENTH, 5)]
    table.new = [*new, SEVENTH]
    (said,) = (world.whole().failed or {}).values()
    assert "1 day has fewer rows than when the totals were taken: 2026-10-06 (2, 4 before)" in said
    assert "deletes = true" in said
    assert set(world.zone.values()) == {"2026-10-05 3", "2026-10-06 4", "2026-10-07 5"}
    assert world.watermark == before
    if new:
        assert world.look().failed  # a look that is not whole comes to the same
    table.deletes = True
    assert not world.whole().failed
    assert world.zone["warehouse/2026-10-06.parquet"] == "2026-10-06 2"


def test_a_day_that_changed_without_a_new_row_is_found_by_a_whole_look_and_told() -> None:
    world = World([Table([a_day(FIFTH, 3), a_day(SIXTH, 4)])])
    (first,) = world.look().tables
    assert first.whole
    table = world.tables[0]
    table.days = [a_day(FIFTH, 3, "changed in its place"), a_day(SIXTH, 5), a_day(SEVENTH, 1)]
    table.new = [SEVENTH]
    (report,) = world.look().tables
    assert (report.whole, report.changed, table.whole_looks) == (False, [SEVENTH], 0)
    (report,) = world.whole().tables
    assert (report.whole, report.changed, report.found) == (True, [FIFTH, SIXTH], [FIFTH, SIXTH])
    assert world.zone["warehouse/2026-10-05.parquet"] == "changed in its place"
    looks = len(table.looked_since)
    (again,) = world.whole().tables
    assert (again.changed, again.found, len(table.looked_since)) == ([], [], looks)  # one scan, and nothing is summed


def test_days_that_an_engine_forgot_take_nothing_back() -> None:
    """A time to live drops rows from the oldest on, and in the middle of a day."""
    eighth = date(2026, 10, 8)
    days = [a_day(FIFTH, 3), a_day(SIXTH, 4), a_day(SEVENTH, 5), a_day(eighth, 6)]
    world = World([Table(days)])
    world.look()
    table = world.tables[0]
    table.days = [a_day(SIXTH, 1), a_day(SEVENTH, 5), a_day(eighth, 7)]
    (report,) = world.whole().tables
    assert (report.changed, report.forgotten) == ([eighth], (FIFTH, SIXTH))
    assert world.zone["warehouse/2026-10-05.parquet"] == "2026-10-05 3"
    assert world.zone["warehouse/2026-10-06.parquet"] == "2026-10-06 4"
    table.days = []
    (report,) = world.whole().tables
    assert (report.changed, len(report.forgotten)) == ([], 4)


@pytest.mark.parametrize(
    ("left", "deletes"),
    [([a_day(FIFTH, 2)], False), ([a_day(FIFTH, 2)], True), ([], True)],
    ids=["a part of the first day", "the same, and rows are deleted", "the first day, and rows are deleted"],
)
def test_whether_rows_of_the_first_days_were_deleted_or_forgotten_a_person_says(
    left: Sequence[PulledDay], deletes: bool
) -> None:
    world = World([Table([a_day(FIFTH, 3), a_day(SIXTH, 4)], deletes=deletes)])
    world.look()
    table = world.tables[0]
    table.days = [*left, a_day(SIXTH, 4)]
    (said,) = (world.whole().failed or {}).values()
    assert "2026-10-05" in said
    assert "keeps_days = … for how many days the engine surely keeps its rows" in said
    table.keeps_days, table.deletes = 90, True
    (report,) = world.whole().tables
    assert report.changed == [FIFTH]


@pytest.mark.parametrize("keeps_days", [None, 90])
def test_rows_without_a_time_come_and_go_as_they_are(keeps_days: int | None) -> None:
    """They are refused, and have the day of none: put right, they count on another."""
    world = World([Table([a_day(NO_DAY, 2), a_day(FIFTH, 3), a_day(SIXTH, 4)], keeps_days=keeps_days)])
    world.look()
    table = world.tables[0]
    table.days = [a_day(NO_DAY, 3), a_day(FIFTH, 3), a_day(SIXTH, 4)]
    assert world.look().tables[0].changed == [NO_DAY]
    table.days = [a_day(NO_DAY, 1), a_day(FIFTH, 5), a_day(SIXTH, 4)]
    assert world.whole().tables[0].changed == [NO_DAY, FIFTH]
    table.days = [a_day(NO_DAY, 1), a_day(SIXTH, 4)]
    if keeps_days is None:
        assert world.whole().tables[0].forgotten == (FIFTH,)


def test_where_it_is_said_how_long_rows_are_kept_younger_days_are_deleted_and_older_ones_forgotten() -> None:
    world = World([Table([a_day(FIFTH, 3), a_day(SIXTH, 4), a_day(SEVENTH, 5)])])
    world.look()
    table = world.tables[0]
    table.keeps_days, table.deletes = 14, True  # the sixth is 14 days before the twentieth
    table.days = [a_day(FIFTH, 9), a_day(SEVENTH, 5)]
    (report,) = world.look().tables  # a late row of a day that may be forgotten in part
    assert (report.whole, report.changed) == (False, [])
    (report,) = world.whole().tables
    assert (report.changed, report.forgotten) == ([SIXTH], (FIFTH,))
    assert world.zone["warehouse/2026-10-05.parquet"] == "2026-10-05 3"
    assert world.zone["warehouse/2026-10-06.parquet"] == "empty"
    table.days = []
    (said,) = (world.whole().failed or {}).values()
    assert "it has no row at all any more, of 2026-10-07 neither" in said


def test_a_repeat_is_summed_again_where_the_row_that_counts_may_be_gone() -> None:
    world = World([Table([a_day(FIFTH, 3), a_day(SIXTH, 4), a_day(SEVENTH, 4)], deletes=True)])
    world.look()
    table = world.tables[0]
    world.days[SEVENTH] = replace(world.days[SEVENTH], elsewhere=1)
    table.days = [a_day(FIFTH, 3), a_day(SIXTH, 3), replace(a_day(SEVENTH, 4), location="more of it counts")]
    (report,) = world.whole().tables
    assert report.changed == [SIXTH, SEVENTH]


def test_of_days_that_share_an_id_one_that_was_not_asked_for_is_left_where_its_rows_are_gone() -> None:
    world = World([Table([a_day(FIFTH, 3), a_day(SIXTH, 4), a_day(SEVENTH, 4)])])
    world.look()
    table = world.tables[0]
    table.days, table.linked = [a_day(FIFTH, 3), a_day(SIXTH, 1), a_day(SEVENTH, 5)], [SIXTH]
    assert world.whole().failed
    assert world.zone["warehouse/2026-10-06.parquet"] == "2026-10-06 4"


def test_a_day_whose_rows_all_count_elsewhere_is_emptied_but_none_is_landed_empty() -> None:
    world = World([Table([a_day(FIFTH, 3)])])
    world.look()
    moved = PulledDay(FIFTH, "empty", 0, 0, 3)
    world.tables[0].days = [moved, PulledDay(SIXTH, "empty", 0, 0, 1)]
    world.look()
    assert world.zone == {"warehouse/2026-10-05.parquet": "empty"}


@pytest.mark.parametrize(("how", "remedy"), [("count", "with a quantity of 1"), ("max", "as files")])
def test_a_meter_that_is_no_sum_is_refused_before_anything_of_it_is_landed(how: str, remedy: str) -> None:
    world = World([Table([a_day(FIFTH, 3)])], levels={"gb": how, "other": "latest"})
    (said,) = (world.look().failed or {}).values()
    assert f"measure 'gb' by {how}" in said
    assert remedy in said
    assert world.zone == {}

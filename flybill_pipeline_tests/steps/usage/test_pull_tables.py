"""Totals of tables are landed whole days at a time; what fails, is cut off or would take usage back, loses nothing."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import pytest

from flybill_pipeline.billing.usage.tables import KnownTable, NotPulledError, Pulled, PulledDay
from flybill_pipeline.steps.usage.pull_tables import PullReport, TablesNotPulledError, pull_tables

NOW = datetime(2026, 10, 20, tzinfo=UTC)
FIFTH, SIXTH = date(2026, 10, 5), date(2026, 10, 6)


def a_day(day: date, rows: int, location: str = "", totals: int = 1, meter: str = "gb") -> PulledDay:
    return PulledDay(day, location or f"{day} {rows}", totals, rows, 0, frozenset({meter}))


@dataclass
class Table:
    """A table that has these days at each look."""

    days: Sequence[PulledDay] = ()
    key: str = "warehouse"
    deletes: bool = False
    mapping: str = "m"
    down: str = ""
    looked_since: list[str | None] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.key

    @contextmanager
    def pulled(self, watermark: str | None, now: datetime) -> Iterator[Pulled]:
        self.looked_since.append(watermark)
        if self.down:
            raise NotPulledError(self.down)
        yield Pulled(self.days, f"after {self.days}")


@dataclass
class World:
    """Tables, a landing zone and a ledger; whatever breaks, breaks at a path."""

    tables: list[Table]
    levels: Mapping[str, str] = field(default_factory=dict)
    zone: dict[str, str] = field(default_factory=dict)
    rows: dict[date, int] = field(default_factory=dict)
    watermark: str | None = None
    full_at: str = ""

    def all(self) -> Sequence[Table]:
        return self.tables

    def not_sums(self) -> Mapping[str, str]:
        return self.levels

    def bring(self, location: str, path: str) -> bool:
        if path == self.full_at:
            raise OSError("no room")
        changed = self.zone.get(path) != location
        self.zone[path] = location
        return changed

    def working_on(self, source: str) -> AbstractContextManager[None]:
        return nullcontext()

    def known(self, source: str, mapping: str) -> KnownTable:
        return KnownTable(self.watermark, dict(self.rows))

    def brought(self, source: str, mapping: str, day: PulledDay, watermark: str | None, now: datetime) -> None:
        self.rows[day.day] = day.there

    def pulled(self, source: str, mapping: str, watermark: str | None, now: datetime) -> None:
        self.watermark = watermark

    def look(self) -> PullReport:
        return pull_tables(self, self, self, NOW)


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


def test_rows_that_are_gone_take_nothing_back_until_somebody_says_so() -> None:
    world = World([Table([a_day(FIFTH, 3), a_day(SIXTH, 4)])])
    world.look()
    before = world.watermark
    world.tables[0].days = [a_day(FIFTH, 2), a_day(SIXTH, 5)]
    (said,) = (world.look().failed or {}).values()
    assert "1 day has fewer rows than when the totals were taken: 2026-10-05 (2, 3 before)" in said
    assert set(world.zone.values()) == {"2026-10-05 3", "2026-10-06 5"}
    assert world.watermark == before
    world.tables[0].deletes = True
    assert not world.look().failed
    assert world.zone["warehouse/2026-10-05.parquet"] == "2026-10-05 2"


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

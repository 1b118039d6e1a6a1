"""What the catalog tells of arrived usage: when each source brought something last."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, insert

from flybill_pipeline.stores.usage.lake.tables import landed_files, usage_pieces
from flybill_pipeline.stores.usage.months.health import Arrival, UsageHealth

SINCE = datetime(2026, 11, 1, tzinfo=UTC)


def _row(source: str, path: str, after: timedelta, state: str = "taken") -> dict[str, object]:
    filed = {"source": source, "path": path, "version": 1, "size": 1, "modified_ns": 1, "mapping_hash": "x"}
    return {**filed, "arrived_at": SINCE + after, "state": state}


def test_the_last_arrival_of_each_source_that_is_asked_for(engine: Engine) -> None:
    hour = timedelta(hours=1)
    rows = [
        _row("machines", "a", hour),
        _row("machines", "b", 2 * hour),
        _row("machines", "c", 9 * hour, state="broken"),
        _row("volumes", "a", 5 * hour),
        _row("quiet", "a", -hour),
        _row("gone", "a", hour),
    ]
    with engine.begin() as connection:
        connection.execute(insert(landed_files), rows)
    found = UsageHealth(engine).last_arrivals(SINCE, ["machines", "volumes", "quiet", "new"])
    assert found == {
        name: Arrival(SINCE + at, SINCE + at) for name, at in (("machines", 2 * hour), ("volumes", 5 * hour))
    }


@pytest.mark.parametrize(
    ("rows", "days", "told_to"),
    [
        (9, [-1, 0, 6], 7),  # a week that came three days after its end
        (9, [-1, 9, 10], 10),  # the day of its arrival is not over
        (9, [3, 40], 10),  # a clock that is ahead
        (9, [-30, -1], None),  # the month before
        (0, [], 10),  # nothing was used
    ],
)
def test_a_source_has_told_of_no_more_days_than_its_files_are_about(
    engine: Engine, rows: int, days: list[int], told_to: int | None
) -> None:
    day = timedelta(days=1)
    with engine.begin() as connection:
        row = {**_row("machines", "a", 10 * day), "rows": rows}
        arrival = connection.execute(insert(landed_files).values(row).returning(landed_files.c.arrival)).scalar_one()
        for number in days:
            piece = {"path": str(number), "day": (SINCE + number * day).date(), "arrival": arrival, "rows": 3}
            connection.execute(insert(usage_pieces).values(piece))
    found = UsageHealth(engine).last_arrivals(SINCE, ["machines"])
    assert found["machines"].told_to == (None if told_to is None else SINCE + told_to * day)

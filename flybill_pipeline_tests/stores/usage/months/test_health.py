"""What the catalog tells of arrived usage: when each source brought something last."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, insert

from flybill_pipeline.stores.usage.lake.tables import landed_files
from flybill_pipeline.stores.usage.months.health import UsageHealth

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
    assert found == {"machines": SINCE + 2 * hour, "volumes": SINCE + 5 * hour}

"""A month is never billed without usage that is there: what was not read, or cannot be trusted, stops the close."""

import errno
import os
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flybill_pipeline.stores.usage.intake import readers, take
from flybill_pipeline_tests.stories.troubled_months import USD
from flybill_pipeline_tests.worlds.deployment import Deployments, Flybill, event
from flybill_pipeline_tests.worlds.emulator import Emulators

MONTH, NEXT = "2025-09", "2025-10"


@pytest.fixture(scope="module")
def flybill(deploy: Deployments, emulators: Emulators) -> Iterator[Flybill]:
    with emulators.lent() as emulator, deploy(emulator, shards=1) as made:
        made.prices("usd.toml", USD)
        made.import_orgs([{"org_id": "acme", "name": "Acme", "currency": "usd"}])
        for name in ("small", "large"):
            made.land(f"{name}.jsonl", [event(name, "acme", 100, f"{MONTH}-05T00:00:00Z")])
        yield made


def full_disk(connection: Any, location: str, source: Any, facts: Any) -> Any:
    if location.endswith("large.jsonl"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return readers.reading(connection, location, source, facts)


def invoiced(flybill: Flybill) -> list[int]:
    return [row[0] for row in flybill.sql("select subtotal_minor from flybill.invoices")]


def test_a_file_that_was_not_read_stops_the_close_and_the_next_one_bills_it(
    flybill: Flybill, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(take, "reading", full_disk)
        stopped = flybill("close", MONTH)
    assert stopped.status == 1
    assert "usage/large.jsonl (source usage)" in stopped.err
    assert "No space left on device" in stopped.err
    assert "nothing is priced or billed" in stopped.err
    assert invoiced(flybill) == []
    assert flybill("quarantine", "--json").json()["broken_files"] == []
    flybill.land("next.jsonl", [event("next", "acme", 100, f"{NEXT}-05T00:00:00Z")])
    assert flybill("close", MONTH).status == 0
    assert invoiced(flybill) == [200]


def test_a_rollup_that_was_altered_stops_the_close_that_would_bill_it(flybill: Flybill) -> None:
    """The test before has summed the day; nothing but its checksum tells that the file is not what was written."""
    (file,) = (flybill.home / "home" / "lake" / "daily" / f"day={NEXT}-05").iterdir()
    times, table = file.stat(), pq.read_table(file, partitioning=None)
    quantities: list[Any] = table["quantity"].to_pylist()
    more = pa.array([value * 10 for value in quantities], table["quantity"].type)
    pq.write_table(table.set_column(table.schema.get_field_index("quantity"), "quantity", more), file)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    stopped = flybill("close", NEXT)
    assert stopped.status == 1
    assert str(file) in stopped.err
    assert "nothing is billed from it" in stopped.err
    assert invoiced(flybill) == [200]


def test_a_piece_that_is_gone_is_said_in_a_sentence(flybill: Flybill) -> None:
    (file,) = list((flybill.home / "home" / "lake" / "events" / f"day={MONTH}-05").glob("*1-1-0.parquet"))
    file.rename(file.with_suffix(".aside"))
    asked = flybill("explain", "acme", MONTH)
    file.with_suffix(".aside").rename(file)
    assert asked.status == 2
    assert f"{file}, a file of the lake, is gone" in asked.err
    assert "Traceback" not in asked.err
    assert flybill("explain", "acme", MONTH).status == 0


def test_the_lake_of_another_deployment_is_refused_before_anything_is_written(flybill: Flybill) -> None:
    (own,) = flybill.sql("select value from flybill.facts where name = 'deployment'")
    flybill.sql("update flybill.facts set value = 'another' where name = 'deployment'")
    before = sorted(flybill.home.rglob("lake/**/*"))
    refused = flybill("close", NEXT)
    flybill.sql("update flybill.facts set value = :own where name = 'deployment'", own=own[0])
    assert refused.status == 2
    assert "belongs to another deployment" in refused.err
    assert sorted(flybill.home.rglob("lake/**/*")) == before

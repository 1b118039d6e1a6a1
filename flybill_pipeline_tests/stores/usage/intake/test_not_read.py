"""Bad bytes are one thing, a machine that is short of something another: only bytes that nobody can read are broken."""

import errno
import gzip
import os
import random
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from flybill_pipeline.billing.usage.files import Broken, NotRead, Taken
from flybill_pipeline.steps.usage.record_usage import FilesNotReadError
from flybill_pipeline.stores.files.duck import Limits
from flybill_pipeline.stores.usage.intake import readers, take
from flybill_pipeline.stores.usage.months.health import UsageHealth
from flybill_pipeline_tests.stores.usage.intake.reading import Reader, plain_source
from flybill_pipeline_tests.stores.usage.usage_world import UsageWorld, edge, gz, jsonl, later
from flybill_pipeline_tests.worlds.effort import examples

ROW = {"id": "e", "org": "a", "meter": "m", "q": "1", "ts": "2026-10-05", "region": "eu"}
PARQUET = plain_source("parquet")
FALLS_OVER = (4144, 4688, 5256, 5800, 6360, 7096)
"""Bits of `one_row` that have DuckDB end with an internal error, after which it answers nothing any more."""


@pytest.fixture
def world(tmp_path: Path, engine: Engine) -> UsageWorld:
    return UsageWorld(tmp_path, engine)


def one_row() -> bytes:
    sink = pa.BufferOutputStream()
    table = pa.table({name: [value] for name, value in ROW.items()})
    pq.write_table(table, sink, compression="none", store_schema=False)
    return bytes(sink.getvalue().to_pybytes())


def many(count: int) -> str:
    return jsonl(*(edge(f"m{n}-{random.Random(n).getrandbits(256):x}") for n in range(count)))


def flipped(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@contextmanager
def at_most(limit: int, value: int) -> Iterator[None]:
    """The machine has no more of this to give, for as long as the block runs."""
    before = resource.getrlimit(limit)
    resource.setrlimit(limit, (value, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(limit, before)


@contextmanager
def no_room() -> Iterator[None]:
    with at_most(resource.RLIMIT_FSIZE, 2000):
        yield


@contextmanager
def no_handles() -> Iterator[None]:
    """All handles below the limit are taken but two, those between others too."""
    highest = max(int(handle.name) for handle in Path("/dev/fd").iterdir())
    taken: list[int] = []
    with at_most(resource.RLIMIT_NOFILE, highest + 4):
        try:
            with suppress(OSError):
                while True:
                    taken.append(os.dup(0))
            os.close(taken.pop())
            os.close(taken.pop())
            yield
        finally:
            for handle in taken:
                os.close(handle)


@contextmanager
def bad_disk() -> Iterator[None]:
    def read(*_: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(take, "reading", read)
        yield


@contextmanager
def engine_in_doubt() -> Iterator[None]:
    def read(*_: Any) -> None:
        raise duckdb.InvalidInputException("Invalid Input Error: this looks like a bad file")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(take, "reading", read)
        yield


SHORTAGES: list[Callable[[], Any]] = [no_room, no_handles, bad_disk, engine_in_doubt]


@pytest.mark.parametrize("shortage", SHORTAGES)
@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
def test_a_good_file_is_read_once_the_machine_is_well_again(
    world: UsageWorld, shortage: Callable[[], Any], suffix: str
) -> None:
    content = many(2000)
    world.put(f"edge/a{suffix}", gz(content) if suffix.endswith(".gz") else content)
    world.put("edge/first.jsonl", jsonl(edge("first")))
    with shortage(), pytest.raises((FilesNotReadError, duckdb.IOException)):
        world.take_in()
    assert UsageHealth(world.catalog.engine).broken() == []
    world.run()
    assert world.quantities() == {"acme": "2001"}


def test_a_file_that_wants_more_memory_than_there_is_is_not_broken(world: UsageWorld) -> None:
    world.put("edge/a.jsonl.gz", gz(many(100)))
    world.lake.intake_limits = Limits("100MB", 1)
    with pytest.raises(FilesNotReadError, match=r"(?i)memory"):
        world.take_in()
    world.lake.intake_limits = Limits()
    world.run()
    assert world.quantities() == {"acme": "100"}


def test_the_others_are_read_though_one_is_not(world: UsageWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = readers.reading

    def read(connection: Any, location: str, source: Any, facts: Any) -> Any:
        if location.endswith("bad.jsonl"):
            raise OSError(errno.EIO, "Input/output error")
        return whole(connection, location, source, facts)

    monkeypatch.setattr(take, "reading", read)
    for name in ("before", "bad", "after"):
        world.put(f"edge/{name}.jsonl", jsonl(edge(name)))
    with pytest.raises(FilesNotReadError, match=r"^1 landed file was not read.*edge/bad\.jsonl.*Input/output error\. "):
        world.take_in()
    world.record_all()
    world.compile_all()
    assert world.quantities() == {"acme": "2"}


def test_a_file_over_which_duckdb_falls_takes_no_other_with_it(tmp_path: Path) -> None:
    reader, good = Reader(tmp_path), one_row()
    fallen = 0
    for bit in FALLS_OVER:
        bad, fine = tmp_path / "bad.parquet", tmp_path / "fine.parquet"
        bad.write_bytes(flipped(good, bit))
        fine.write_bytes(good)
        fallen += _falls_over(bad)
        assert isinstance(reader.read(bad, PARQUET).outcome, Broken | NotRead)
        assert [event["event_id"] for event in reader.read(fine, PARQUET).events] == ["e"]
    assert fallen  # else this tests nothing: look for other bits


def _falls_over(file: Path) -> bool:
    with duckdb.connect() as connection:
        with suppress(duckdb.Error):
            connection.execute(f"select id, org, meter, q, ts, region from read_parquet('{file}')").fetchall()
        try:
            connection.execute("select 1")
        except duckdb.Error:
            return True
    return False


@settings(max_examples=examples(40), deadline=None)
@given(bits=st.lists(st.integers(0, 8 * len(one_row()) - 1), min_size=1, max_size=3))
def test_whatever_is_flipped_in_a_parquet_file_concerns_that_file_only(reader: Reader, bits: list[int]) -> None:
    file, good = reader.root / "flipped.parquet", one_row()
    changed = good
    for bit in bits:
        changed = flipped(changed, bit)
    file.write_bytes(changed)
    outcome = reader.read(file, PARQUET).outcome
    assert isinstance(outcome, Taken) or outcome.reason
    file.write_bytes(good)
    assert [event["event_id"] for event in reader.read(file, PARQUET).events] == ["e"]


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_a_compressed_file_counts_whole_or_not_at_all(reader: Reader, kind: str, suffix: str) -> None:
    """DuckDB alone takes a .zst without its end for whole, and does not look at the checksum of a .gz."""
    rows = [ROW | {"id": f"{n}{random.Random(n).getrandbits(400):x}"} for n in range(300)]
    source, file = plain_source(kind), reader.root / f"packed.{kind}{suffix}"
    whole = _packed(_written(rows, kind), suffix)
    file.write_bytes(whole)
    assert len(reader.read(file, source).events) == 300
    for cut in (1, 4, 9, len(whole) // 2, len(whole) - 1, len(whole)):
        file.write_bytes(whole[:-cut])
        assert isinstance(reader.read(file, source).outcome, Broken), cut
    if suffix == ".gz":  # zstd as pyarrow writes it has no checksum
        for bit in random.Random(1).sample(range(80, 8 * len(whole)), 20):
            file.write_bytes(flipped(whole, bit))
            assert isinstance(reader.read(file, source).outcome, Broken), bit


def _written(rows: list[dict[str, str]], kind: str) -> bytes:
    if kind == "parquet":
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(rows), sink)
        return bytes(sink.getvalue().to_pybytes())
    if kind == "csv":
        return "\n".join([",".join(ROW), *(",".join(row.values()) for row in rows)]).encode()
    return jsonl(*rows).encode()


def _packed(content: bytes, suffix: str) -> bytes:
    if suffix == ".gz":
        return gzip.compress(content)
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return bytes(sink.getvalue().to_pybytes())


def test_a_broken_file_put_right_with_its_old_size_and_time_is_read(world: UsageWorld) -> None:
    good = gz(jsonl(*(edge(n) for n in range(50))))
    file = world.put("edge/a.jsonl.gz", flipped(good, 8 * len(good) // 2))
    times = file.stat()
    assert [each.path for each in world.run().broken] == ["edge/a.jsonl.gz"]
    assert world.run().files == ()
    file.write_bytes(good)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    world.run()
    assert world.quantities() == {"acme": "50"}


@pytest.mark.parametrize(
    ("path", "emptied"),
    [("edge/a.jsonl", b""), ("edge/a.jsonl", b"\n"), ("edge/a.jsonl.gz", gz(""))],
    ids=["nothing", "blank", "packed"],
)
def test_a_file_that_was_emptied_takes_nothing_back_and_is_told(world: UsageWorld, path: str, emptied: bytes) -> None:
    full = jsonl(edge(1, gb=5))
    world.put(path, gz(full) if path.endswith("gz") else full)
    world.run()
    world.put(path, emptied)
    (told,) = world.run(later(1)).broken
    assert "still counts" in str(told.reason)
    assert world.quantities() == {"acme": "5"}
    more = jsonl(edge(2, gb=7))
    world.put(path, gz(more) if path.endswith("gz") else more)
    world.run(later(2))
    assert world.quantities() == {"acme": "7"}


def test_a_file_that_never_had_rows_may_be_empty(world: UsageWorld) -> None:
    world.put("edge/a.jsonl", "")
    assert world.run().broken == ()


def test_a_link_that_leads_out_of_the_landing_zone_is_not_followed(world: UsageWorld, tmp_path: Path) -> None:
    outside = tmp_path / "secret"
    outside.mkdir()
    (outside / "a.jsonl").write_text(jsonl(edge("secret")))
    world.put("edge/own.jsonl", jsonl(edge("own")))
    (world.landing.root / "edge" / "link.jsonl").symlink_to(outside / "a.jsonl")
    (world.landing.root / "edge" / "inside.jsonl").symlink_to(world.landing.root / "edge" / "own.jsonl")
    (world.landing.root / "events").symlink_to(outside)
    report = world.run()
    assert {file.path for file in report.broken} == {"edge/link.jsonl", "events/a.jsonl"}
    assert all("link" in str(file.reason) for file in report.broken)
    assert world.quantities() == {"acme": "1"}
    assert list(world.lake.quarantine()) == []
    (world.landing.root / "edge" / "link.jsonl").unlink()
    world.put("edge/link.jsonl", jsonl(edge("copied")))
    world.run()
    assert world.quantities() == {"acme": "2"}


def test_a_line_that_is_too_long_is_a_bad_row_with_words(world: UsageWorld) -> None:
    world.put("edge/a.jsonl", jsonl(edge(1)) + "x" * (17 * 1024 * 1024) + "\n" + jsonl(edge(2)))
    world.run()
    (row,) = world.lake.quarantine()
    assert (row.row, row.reason) == (2, "malformed_line_size_over_maximum")
    assert row.message
    assert [event.row for event in world.lake.events("acme", list(world.catalog.manifests()))] == [1, 3]

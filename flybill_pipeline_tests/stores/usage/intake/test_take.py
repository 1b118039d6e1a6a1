"""Files of every format become events; bad rows and broken files are set aside with a reason, and stop nothing."""

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import Engine

from flybill_pipeline.stores.usage.months.health import UsageHealth
from flybill_pipeline_tests.stores.usage.usage_world import DAY, NOW, UsageWorld, copied, edge, gz, jsonl, later

CSV_HEADER = "id,org,meter,seconds,ts,size,region\n"
THREE = """select 'v' || i as id, 'acme' as org, (i * 0.5)::decimal(9, 3) as gb,
    timestamp '2026-10-05 08:00' as ts, 'eu' as region from range(1, 4) t(i)"""


@pytest.fixture
def world(tmp_path: Path, engine: Engine) -> UsageWorld:
    return UsageWorld(tmp_path, engine)


def zst(content: str | bytes) -> bytes:
    raw = content.encode() if isinstance(content, str) else content
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(raw)
    return sink.getvalue().to_pybytes()


def plain(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def padded(content: str | bytes) -> bytes:
    """As tar, or a tape, leaves it."""
    return gz(content) + bytes(512)


@pytest.mark.parametrize(("suffix", "pack"), [("", plain), (".gz", gz), (".zst", zst), (".gz", padded)])
@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet", "cloudevents"])
def test_every_format_and_compression_gives_the_same_events(world, tmp_path, kind, suffix, pack):  # type: ignore[no-untyped-def]
    content: str | bytes
    rows = [("v1", "0.5"), ("v2", "1.0"), ("v3", "1.5")]
    match kind:
        case "jsonl":
            path, content = (
                "edge/deep/er/a.jsonl",
                jsonl(*(edge(i, gb=float(q), at="2026-10-05 08:00:00") for i, q in rows)),
            )
        case "csv":
            lines = [f"{i},acme,machine,{q},2026-10-05T08:00:00Z,s1,eu\n" for i, q in rows]
            path, content = "machines/a.csv", CSV_HEADER + "".join(lines)
        case "parquet":
            path, content = "volumes/a.parquet", copied(THREE, tmp_path / "x.parquet", "format parquet")
        case _:
            template = '{{"specversion":"1.0","id":"{}","subject":"acme","type":"t","time":"2026-10-05T10:00:00+02:00",'
            template += '"data":{{"quantity":{},"region":"eu"}}}}\n'
            path, content = "events/a.jsonl", "".join(template.format(i, q) for i, q in rows)
    world.put(path + suffix, pack(content))
    report = world.run()
    assert report.broken == ()
    assert world.quantities() == {"acme": "3"}
    assert [(e.event_id, e.row) for e in world.lake.events("acme", [DAY])] == [
        (f"v{n}", n + (kind == "csv")) for n in (1, 2, 3)
    ]
    assert {e.occurred_at.isoformat() for e in world.lake.events("acme", [DAY])} == {"2026-10-05T08:00:00+00:00"}


JSON_FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"org": None}, "org_missing"),
    ({"org": " "}, "org_missing"),
    ({"id": None}, "event_id_missing"),
    ({"id": "1.23457E+15"}, "event_id_cut"),
    ({"gb": None}, "quantity_missing"),
    ({"gb": "NaN"}, "quantity_not_finite"),
    ({"gb": "-Infinity"}, "quantity_not_finite"),
    ({"gb": "1,5"}, "quantity_not_a_number"),
    ({"gb": "1_000"}, "quantity_not_a_number"),
    ({"gb": " 1"}, "quantity_not_a_number"),
    ({"gb": "0x10"}, "quantity_not_a_number"),
    ({"gb": True}, "quantity_not_a_number"),
    ({"gb": "0.0000000000000000001"}, "quantity_too_precise"),
    ({"gb": "100000000000000000000"}, "quantity_too_large"),
    ({"ts": None}, "time_missing"),
    ({"ts": "yesterday"}, "time_unreadable"),
    ({"ts": "2026-02-30T00:00:00Z"}, "time_unreadable"),
    ({"ts": "infinity"}, "time_unreadable"),
    ({"ts": "2525-10-05T10:00:00Z"}, "clock"),
    ({"ts": "2019-12-31T23:59:59Z"}, "clock"),
    ({"ts": "2026-10-21T12:00:01Z"}, "clock"),
]


def test_a_bad_row_is_quarantined_with_file_row_and_reason_and_the_good_ones_stand(world: UsageWorld) -> None:
    bad = [edge(f"bad{n}") | change for n, (change, _) in enumerate(JSON_FAULTS)]
    text = (
        jsonl(edge("first"), *bad)
        + "not json\n[1]\n\n"
        + jsonl({"id": "short"}, edge("last", at="2026-10-20T12:00:00Z"))
    )
    world.put("edge/mixed.jsonl", text)
    report = world.run()
    found = [(row.file, row.row, row.reason) for row in world.lake.quarantine()]
    expected = [reason for _, reason in JSON_FAULTS] + ["not_a_record", "not_a_record"]
    assert found == [
        *(("edge/mixed.jsonl", row, reason) for row, reason in enumerate(expected, start=2)),
        ("edge/mixed.jsonl", len(JSON_FAULTS) + 5, "org_missing"),
    ]
    assert all(row.message and row.raw for row in world.lake.quarantine())
    assert world.quantities() == {"acme": "2"}
    assert sum(report.quarantined.values()) == len(JSON_FAULTS) + 3


def test_rows_of_a_csv_that_do_not_fit_are_quarantined_under_the_number_an_editor_shows(world: UsageWorld) -> None:
    rows = ["a,acme,m,1,2026-10-05,s,eu", "b,acme", "c,acme,m,-1,2026-10-05,s,eu", "d,acme,m,1,2026-10-05,s,eu,x,y"]
    rows += ["e,NULL,m,1,2026-10-05,s,eu", 'f,acme,m,"1",1791187200,"s, x",NULL', "g,acme,m,abc,2026-10-05,s,eu"]
    world.put("machines/a.csv", CSV_HEADER + "\n".join(rows) + "\n")
    world.run()
    assert [(row.row, row.reason) for row in world.lake.quarantine()] == [
        (3, "malformed_missing_columns"),
        (4, "quantity_negative"),
        (5, "malformed_too_many_columns"),
        (6, "org_missing"),
        (8, "quantity_not_a_number"),
    ]
    assert [(e.event_id, e.row, e.dimensions) for e in world.lake.events("acme", [DAY])] == [
        ("a", 2, '{"region":"eu","size":"s"}'),
        ("f", 7, '{"size":"s, x"}'),
    ]


def test_floats_in_parquet_count_by_their_shortest_decimal(world: UsageWorld, tmp_path: Path) -> None:
    values = (
        "(values ('a', 0.1::double), ('b', 'nan'::double), ('c', 'inf'::double), ('d', 1e-7), ('e', null)) t(id, gb)"
    )
    query = f"select id, 'acme' as org, gb, timestamptz '2026-10-05 10:00+00' as ts, 'eu' as region from {values}"
    world.put("volumes/f.parquet", copied(query, tmp_path / "f.parquet", "format parquet"))
    world.run()
    assert [(row.row, row.reason) for row in world.lake.quarantine()] == [
        (2, "quantity_not_finite"),
        (3, "quantity_not_finite"),
        (5, "quantity_missing"),
    ]
    assert world.quantities() == {"acme": "0.1000001"}


def test_a_broken_file_stops_nothing_else_and_is_read_when_it_is_mended(world: UsageWorld) -> None:
    whole = gz(jsonl(*(edge(f"g{n}-{os.urandom(8).hex()}") for n in range(5000))))
    world.put("edge/1.jsonl", jsonl(edge("ok")))
    world.put("edge/2.jsonl.gz", whole[: len(whole) // 2])
    world.put("volumes/3.parquet", "this is not parquet")
    world.put("machines/4.csv", "id,org,meter,ts,size,region\na,acme,m,2026-10-05,s,eu\n")
    world.put("edge/5.jsonl", jsonl(edge("ok too")))
    report = world.run()
    assert [file.path for file in report.broken] == ["edge/2.jsonl.gz", "volumes/3.parquet", "machines/4.csv"]
    assert "seconds" in str(report.broken[2].reason)
    assert "id, org, meter, ts, size, region" in str(report.broken[2].reason)
    assert all(file.remedy for file in report.broken)
    assert world.quantities() == {"acme": "2"}
    assert world.run().files == ()
    world.put("edge/2.jsonl.gz", whole)
    assert world.run().rows == 5000
    assert world.quantities() == {"acme": "5002"}


def test_names_and_headers_that_no_database_holds_stop_no_other_file(world: UsageWorld) -> None:
    world.put("edge/good.jsonl", jsonl(edge("ok")))
    world.put("machines/nul.csv", "id,org,m\0eter,seconds,ts,size,region\n")
    world.put("machines/bytes.csv", b"id,org,\xffmeter,seconds,ts,size,region\n")
    world.put(os.fsdecode(b"edge/na\xffme.jsonl"), jsonl(edge("ok too")))
    report = world.run()
    broken = ["machines/nul.csv", "machines/bytes.csv"]
    assert [file.path for file in report.broken] == broken
    assert [each["file"] for each in UsageHealth(world.catalog.engine).broken()] == broken
    assert "edge/na\\xffme.jsonl" in [file.path for file in report.files]
    assert world.quantities() == {"acme": "2"}
    assert world.run().files == ()


def test_a_broken_file_that_is_taken_away_bothers_nobody_until_it_comes_back(world: UsageWorld) -> None:
    health = UsageHealth(world.catalog.engine)
    world.put("edge/good.jsonl", jsonl(edge("ok")))
    file = world.put("volumes/bad.parquet", "this is not parquet")
    world.run()
    assert [each["file"] for each in health.broken()] == ["volumes/bad.parquet"]
    file.rename(file.with_suffix(".aside"))
    assert world.run().files == ()
    assert health.broken() == []
    file.with_suffix(".aside").rename(file)  # nothing of it has changed
    assert [each.path for each in world.run().broken] == ["volumes/bad.parquet"]
    assert [each["file"] for each in health.broken()] == ["volumes/bad.parquet"]


def test_a_changed_file_replaces_what_it_said_before(world: UsageWorld) -> None:
    world.put("edge/a.jsonl", jsonl(edge(1, gb=5), edge(2, gb=7, at="2026-10-06T00:00:00Z")))
    world.run()
    world.put("edge/a.jsonl", jsonl(edge(1, gb=6)))
    world.run()
    assert world.quantities() == {"acme": "6"}


def test_a_file_that_was_only_touched_is_not_read_again_and_one_that_vanished_still_counts(world: UsageWorld) -> None:
    file = world.put("edge/a.jsonl", jsonl(edge(1)))
    world.run()
    os.utime(file, (1, 1))
    assert world.run(later(1)).files == ()
    file.unlink()
    assert world.run(later(1)).files == ()
    assert world.quantities() == {"acme": "1"}


def test_rows_of_after_a_clock_that_was_behind_count_once_the_file_is_put_there_again(world: UsageWorld) -> None:
    file = world.put("edge/a.jsonl", jsonl(edge(1), edge(2, at="2026-10-25T10:00:00Z")))
    world.run()
    assert world.quantities() == {"acme": "1"}
    os.utime(file, (1, 1))
    world.run(later(6))
    assert world.quantities() == {"acme": "2"}


def test_without_an_id_the_named_columns_identify_an_event(tmp_path: Path, engine: Engine) -> None:
    sources = """
    [[sources]]
    name = "gauge"
    format = "csv"
    files = "gauge/*.csv"
    [sources.columns]
    event_id = ["org", "ts"]
    org_id = "org"
    meter = { constant = "m" }
    quantity = { constant = 1 }
    occurred_at = "ts"
    """
    world = UsageWorld(tmp_path, engine, sources)
    world.put("gauge/a.csv", "org,ts\na,2026-10-05T00:00:00Z\na,2026-10-05T00:01:00Z\na,2026-10-05T00:00:00Z\n")
    world.run()
    assert world.quantities() == {"a": "2"}


def test_row_numbers_hold_in_a_large_file(world: UsageWorld) -> None:
    """Several threads read at once; the numbers must be those of the file all the same."""
    count = 400_000
    lines = [
        f'{{"id":"e{n}","org":"acme","gb":{n},"ts":"2026-10-05T10:00:00Z","region":"eu"}}' for n in range(1, count + 1)
    ]
    lines[150_000 - 1] = "junk"
    world.put("edge/large.jsonl", "\n".join(lines))
    world.run()
    assert [row.row for row in world.lake.quarantine()] == [150_000]
    assert all(event.event_id == f"e{event.row}" for event in world.lake.events("acme", [DAY]))
    assert world.take_in(NOW).files == ()

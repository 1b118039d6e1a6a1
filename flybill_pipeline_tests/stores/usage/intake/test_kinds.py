"""A file of another kind than its source reads is refused once, with what it looks like and what reads it."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pytest

from flybill_pipeline.billing.usage.files import Broken, Taken
from flybill_pipeline.stores.usage.intake.columns import Dialect
from flybill_pipeline.stores.usage.intake.kinds import explained
from flybill_pipeline.stores.usage.intake.landing import Landing
from flybill_pipeline.stores.usage.intake.preview import InLake
from flybill_pipeline.stores.usage.intake.reading import UnreadableFileError
from flybill_pipeline.stores.usage.intake.zones import LandingError
from flybill_pipeline_tests.stores.usage.intake.mapped import refused
from flybill_pipeline_tests.stores.usage.intake.reading import Reader, plain_source

ROWS = [{"id": f"e{n}", "org": "a", "meter": "m", "q": "1", "ts": "2026-10-05", "region": "eu"} for n in range(3)]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)
CSV = "".join(",".join(texts) + "\n" for texts in (ROWS[0], *(row.values() for row in ROWS)))
DOCUMENT = json.dumps({"next": None, "data": ROWS}, indent=1)
SOURCES = {kind: plain_source(kind, name=kind, files=f"{kind}/*") for kind in ("jsonl", "csv", "parquet")}
SOURCES["json"] = plain_source("json", name="json", files="json/*", records=("data[]",))


def parquet() -> bytes:
    sink = pa.BufferOutputStream()
    pa.parquet.write_table(pa.Table.from_pylist(ROWS), sink)
    return bytes(sink.getvalue().to_pybytes())


def stream() -> bytes:
    sink, table = pa.BufferOutputStream(), pa.Table.from_pylist(ROWS)
    with pa.ipc.new_stream(sink, table.schema) as opened:
        opened.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


OTHERS: list[tuple[str, str | bytes, str, str]] = [
    ("jsonl", json.dumps(ROWS), "one JSON list", 'say format = "json" and records = "[]"'),
    ("jsonl", json.dumps(ROWS, indent=1), "one JSON list", 'say format = "json" and records = "[]"'),
    ("jsonl", DOCUMENT, "a JSON document", 'say format = "json" and records = "data[]"'),
    ("jsonl", json.dumps({"data": ROWS}), "a JSON document", 'say format = "json" and records = "data[]"'),
    ("jsonl", f"{json.dumps(ROWS)}\n" * 2, "JSON lines, each of them a list", 'say records = "[]"'),
    ("jsonl", "".join(map(json.dumps, ROWS)), "JSON documents that follow", 'say format = "json" and records = "."'),
    ("jsonl", json.dumps({"data": ROWS}) * 2, "JSON documents that follow", 'format = "json" and records = "data[]"'),
    ("jsonl", json.dumps(ROWS[0], indent=1), "a JSON document", 'say format = "json" and records = "."'),
    ("csv", "".join(map(json.dumps, ROWS)), "JSON documents that follow", 'say format = "json" and records = "."'),
    ("jsonl", CSV, "CSV", 'say format = "csv" in'),
    ("jsonl", CSV.replace(",", "\t"), "CSV", 'say format = "csv" and csv = { delimiter = "\\t" }'),
    ("jsonl", LINES.encode("utf-16-le"), "text in utf-16-le", "in UTF-8"),
    ("jsonl", parquet(), "a Parquet file", 'say format = "parquet"'),
    ("jsonl", gzip.compress(LINES.encode()), "packed by gzip", "read again"),
    ("jsonl", gzip.compress(LINES.encode()), "what was packed twice", "unpack it once"),
    ("jsonl", "<html>502 Bad Gateway</html>", "a web page", "what fetched it may have kept a page"),
    ("csv", "<!DOCTYPE html>\n<html lang='en'>", "a web page", "export the file again"),
    ("csv", '<?xml version="1.0"?>\n<feed><entry/></feed>', "XML", "export the file again as CSV, JSON or Parquet"),
    ("json", LINES, "JSON lines, an object in each", 'say format = "jsonl", and no `records`,'),
    ("json", json.dumps(ROWS), "a document with records at []", 'say records = "[]"'),
    ("json", CSV, "CSV", 'say format = "csv"'),
    ("csv", parquet(), "a Parquet file", 'say format = "parquet"'),
    ("csv", LINES, "JSON lines, an object in each", 'say format = "jsonl" in'),
    ("csv", CSV.replace(",", ";"), "names of its columns in line 1, and ; between", 'say csv = { delimiter = ";" }'),
    ("csv", "Usage\n\n" + CSV, "names of its columns in line 3", "say csv = { skip = 2 }"),
    ("csv", "sep=|\n" + CSV.replace(",", "|"), "in line 2, and | between", 'csv = { delimiter = "|", skip = 1 }'),
    ("csv", "\n".join(CSV.split("\n")[1:]).replace("e", ""), "CSV without the names", "csv = { header = [...] }"),
    ("csv", CSV.replace("id,org", "Id,org"), "no column 'id' (it has 'Id')", "correct `columns`"),
    ("csv", CSV.encode("utf-16-be"), "text in utf-16-be", 'say csv = { encoding = "utf-16-be" }'),
    ("csv", CSV.encode("utf-32"), "text in utf-32", 'say csv = { encoding = "utf-32" }'),
    ("csv", CSV.replace("eu", "Süd").encode("cp1252"), "text that is not UTF-8", 'say csv = { encoding = "cp1252" }'),
    ("csv", "version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "Git LFS", "read again"),
    ("jsonl", LINES.replace("}\n", "},\n"), "JSON objects with a comma after each", "take these commas away; or put ["),
    ("jsonl", ",\n".join(LINES.splitlines()), "JSON objects with a comma after each", "take these commas away"),
    ("jsonl", "\n,".join(LINES.splitlines()), "JSON objects with a comma after each", "take these commas away; or"),
    ("jsonl", "[\n" + ",\n".join(LINES.splitlines()) + "\n]\n", "one JSON list", 'format = "json" and records = "[]"'),
    ("json", LINES.replace("}\n", "},\n"), "JSON objects with a comma after each", 'away and say format = "jsonl"'),
    ("csv", LINES.replace("}\n", "},\n"), "JSON objects with a comma after each", 'away and say format = "jsonl"'),
    ("jsonl", LINES.replace("{", "2026-10-05 INFO {"), "lines with a JSON object after other", 'json = "…" }'),
    ("json", LINES.replace("{", "Oct  5 h app[1]: {"), "lines with a JSON object after other", 'format = "csv", csv ='),
    ("csv", stream(), "a stream of Arrow", "read again"),
    ("jsonl", b"7z\xbc\xaf\x27\x1c" + bytes(99), "an archive of 7-Zip", "read again"),
    ("csv", b"\x93NUMPY\x01\0" + bytes(99), "a file of some program, and no text", "as CSV, JSON or Parquet"),
    ("csv", "UNA:+.? 'UNB+UNOC:3+1:14+2:14+261005:1300+1'", "EDIFACT, such as MSCONS", "one row for each value"),
    ("csv", "100,NEM12,202610051149,A,B\n200,1,E1,E1,E1,N1,x,kWh,30,\n", "NEM12", "one row for each value"),
    ("parquet", CSV, "CSV", 'say format = "csv" in'),
    ("parquet", LINES, "JSON lines, an object in each", 'say format = "jsonl"'),
    ("parquet", b"Obj\x01" + bytes(99), "Avro", "read again"),
]  # fmt: skip
PACKED_TOO = ("a JSON document", "what was packed twice")


@pytest.mark.parametrize(  # named without the content: each worker packs it at another time
    ("kind", "content", "looks", "remedy"), OTHERS, ids=[f"{kind}: {looks}" for kind, _, looks, _ in OTHERS]
)
def test_it_says_once_what_the_file_looks_like_and_what_reads_it(
    reader: Reader, kind: str, content: str | bytes, looks: str, remedy: str
) -> None:
    file = reader.root / f"given.{kind}{'.gz' if looks in PACKED_TOO else ''}"
    raw = content if isinstance(content, bytes) else content.encode()
    file.write_bytes(gzip.compress(raw) if file.suffix == ".gz" else raw)
    outcome = reader.read(file, SOURCES[kind]).outcome
    assert isinstance(outcome, Broken)
    assert looks in outcome.reason
    assert remedy in outcome.remedy


def test_preview_and_land_say_it_too(tmp_path: Path) -> None:
    landing, file = Landing(str(tmp_path / "landing"), SOURCES), tmp_path / "a.jsonl"
    file.write_text(json.dumps(ROWS))
    said = r"a\.jsonl: the file looks like one JSON list; .*'jsonl' reads none of that; say format = \"json\" and rec"
    for look in (lambda: landing.land(file, "jsonl"), lambda: landing.preview(file, "jsonl", InLake(tmp_path))):
        with pytest.raises(LandingError, match=said):
            look()


def test_a_document_without_records_is_not_of_another_kind(tmp_path: Path) -> None:
    (file := tmp_path / "a.json").write_text('{"data": [], "links": [{"next": "x"}]}')
    with pytest.raises(LandingError, match="there is no row in it"):
        Landing(str(tmp_path / "landing"), SOURCES).land(file, "json")


@pytest.mark.parametrize(
    ("kind", "content", "reason"),
    [
        ("jsonl", LINES.replace('"1"', '"x"'), "quantity_not_a_number"),
        ("jsonl", '{"id": 1, "region": [{"a": 1}]}', "org_missing"),
        ("csv", CSV.replace(",1,", ",x,"), "quantity_not_a_number"),
        ("csv", f"\n{CSV}".replace(",1,", ",x,"), "quantity_not_a_number"),
        ("csv", CSV.replace(",1,", ",x,").encode("utf-16"), "quantity_not_a_number"),
        ("csv", f"[x],{CSV}".replace("\n", "\n1,").replace(",1,", ",x,").removesuffix("1,"), "quantity_not_a_number"),
        ("jsonl", json.dumps(ROWS[0] | {"q": "x", "region": "a\u2028b"}, ensure_ascii=False), "quantity_not_a_number"),
        ("jsonl", f"{LINES[:20]}\n{LINES[:30]}", "not_a_record"),
        ("jsonl", f"{LINES[:20]}\n{LINES.splitlines()[0]}", "not_a_record"),
        ("jsonl", LINES.replace("}\n", "},\n", 1), "not_a_record"),
        ("jsonl", LINES.replace('"', "'"), "not_a_record"),
        ("json", json.dumps({"pages": [{"n": 1}], "data": [ROWS[0] | {"q": "x"}]}), "quantity_not_a_number"),
    ],
)
def test_of_the_right_kind_each_row_says_what_is_wrong_with_it(
    reader: Reader, kind: str, content: str | bytes, reason: str
) -> None:
    file = reader.root / f"given.{kind}"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert set(refused(reader.read(file, SOURCES[kind])).values()) == {reason}


def test_of_a_document_without_records_it_names_no_other_list(tmp_path: Path) -> None:
    landing, file = Landing(str(tmp_path / "landing"), SOURCES), tmp_path / "a.json"
    file.write_text(json.dumps({"data": [], "pages": [{"n": 1}]}))
    with pytest.raises(LandingError, match="there is no row in it"):
        landing.land(file, "json")


def test_a_header_above_the_lines_that_are_skipped_is_found(reader: Reader) -> None:
    outcome = reader.text(CSV, plain_source("csv", dialect=Dialect(skip=2))).outcome
    assert isinstance(outcome, Broken)
    assert "in line 1, and , between" in outcome.reason
    assert outcome.remedy == "say csv = { skip = 0 } in the source"


def test_of_a_file_that_is_gone_the_first_error_stands(tmp_path: Path) -> None:
    error = UnreadableFileError("it was cut", "export it again")
    assert explained(error, tmp_path / "gone.csv", SOURCES["csv"]) is error


@pytest.mark.parametrize("content", ["", "\n", "\ufeff", "\r\n\r\n"])
@pytest.mark.parametrize("dialect", [Dialect(), Dialect(header=tuple(ROWS[0])), Dialect(delimiter=";", skip=2)])
def test_a_csv_file_of_nothing_has_no_rows(reader: Reader, content: str, dialect: Dialect) -> None:
    outcome = reader.text(content, plain_source("csv", dialect=dialect)).outcome
    assert isinstance(outcome, Taken)
    assert (outcome.records, outcome.pieces, outcome.quarantined) == (0, (), {})

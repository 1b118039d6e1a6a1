"""Whatever a file or a folder is called, DuckDB reads and writes just that one, never one that it matches."""

import ast
import gzip
import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flybill_pipeline.billing.usage.files import FIRST_DAY, Arrival, LandedFile, Taken
from flybill_pipeline.stores.files.duck import Limits
from flybill_pipeline.stores.usage.intake.landing import Landing
from flybill_pipeline.stores.usage.intake.take import take_file
from flybill_pipeline.stores.usage.lake.days import make_manifest
from flybill_pipeline.stores.usage.lake.summed_days import make_rollup
from flybill_pipeline_tests.conftest import PROJECT
from flybill_pipeline_tests.stores.usage.intake.reading import NOW, plain_source, rows_of
from flybill_pipeline_tests.worlds.effort import examples

LIMITS = Limits("1GB", 1)
KINDS = ("jsonl", "jsonl.gz", "csv", "parquet")
ODD = (
    *(
        "[1]",
        "1",
        "*",
        "**",
        "?",
        "[!a]",
        "[a-z]",
        "a",
        "{a,b}",
        "b",
        "\\",
        "\\[",
        "'",
        '"',
        "%41",
        "A",
        "$x",
        "`",
        "~",
    ),
    *(
        "é",
        "e\u0301",
        " ",
        "\n",
        "\t",
        "hive=part",
        "org=evil",
        "http:",
        "s3:",
        ";",
        "#",
        "&",
        "|",
        "日本",
        "\udcff",
        ":",
    ),
)
NAMES = st.lists(st.sampled_from(ODD), min_size=1, max_size=4).map("".join).filter(lambda name: name[0] not in "._")
FOLDERS = st.lists(NAMES, max_size=2)


def content(kind: str, event_id: str) -> bytes:
    """A file with one event, whose id and organization are known."""
    row = {"id": event_id, "org": event_id, "meter": "m", "q": "1", "ts": "2026-10-05T10:00:00Z", "region": "eu"}
    if kind == "parquet":
        sink = pa.BufferOutputStream()
        pq.write_table(pa.table({name: [value] for name, value in row.items()}), sink)
        return bytes(sink.getvalue().to_pybytes())
    if kind == "csv":
        return f"{','.join(row)}\n{','.join(row.values())}\n".encode()
    line = ("{" + ", ".join(f'"{name}": "{value}"' for name, value in row.items()) + "}\n").encode()
    return gzip.compress(line) if kind.endswith(".gz") else line


def read(root: Path, number: int, file: LandedFile, source: Any) -> Taken:
    taken = take_file(root, Arrival(number, 1, NOW, file), source, LIMITS, FIRST_DAY)
    assert isinstance(taken, Taken), taken
    return taken


def events(root: Path, taken: Taken) -> list[tuple[str, str, int]]:
    rows = [row for piece in taken.pieces for row in rows_of(root / piece.path)]
    return [(row["event_id"], row["org_id"], row["row"]) for row in rows]


@settings(max_examples=examples(12), deadline=None)
@given(names=st.lists(NAMES, min_size=2, max_size=5, unique=True), home=FOLDERS, kind=st.sampled_from(KINDS))
@example(names=["usage1", "usage[1]"], home=[], kind="jsonl")
@example(names=["*", "a", "?", "**"], home=["[1]", "org=evil"], kind="csv")
@example(names=["\\[1]", "[1]", "1"], home=["*", "\\"], kind="parquet")
@example(names=["é", "e\u0301"], home=["meter=evil"], kind="parquet")
def test_each_file_is_read_once_and_from_itself(names: Sequence[str], home: Sequence[str], kind: str) -> None:
    source = plain_source(kind.partition(".")[0], files=f"t/*.{kind}")
    with TemporaryDirectory() as folder:
        root, sibling = Path(folder, "x", *home), Path(folder, "1")
        for number, name in enumerate(names):
            for zone in (root / "landing" / "t", sibling):
                zone.mkdir(parents=True, exist_ok=True)
                (zone / f"{name}.{kind}").write_bytes(content(kind, f"{number}" if zone != sibling else "other"))
        landing, lake = Landing(str(root / "landing"), {"t": source}), root / "lake"
        of_name = {Path(file.location).name: file for file in landing.files()}
        pieces = []
        for number, name in enumerate(names):
            taken = read(lake, number + 1, of_name[f"{name}.{kind}"], source)
            assert events(lake, taken) == [(f"{number}", f"{number}", 2 if kind == "csv" else 1)]
            pieces += [piece.path for piece in taken.pieces]
        manifest = make_manifest(lake, taken.pieces[0].day, pieces, [], LIMITS)
        rollup = make_rollup(lake, manifest, 16, LIMITS)
        totals = rows_of(lake / rollup.path)
        assert sorted((row["org_id"], int(row["quantity"])) for row in totals) == [
            (f"{number}", 1) for number in range(len(names))
        ]


@settings(max_examples=examples(12), deadline=None)
@given(names=st.lists(NAMES, min_size=2, max_size=4, unique=True), kind=st.sampled_from(KINDS))
@example(names=["usage[1]", "usage1"], kind="jsonl")
def test_land_looks_into_the_file_itself_and_copies_it(names: Sequence[str], kind: str) -> None:
    """Only the last of the siblings can be read: whoever looks into another one says so wrongly."""
    source = plain_source(kind.partition(".")[0], files=f"t/*.{kind}")
    with TemporaryDirectory() as folder:
        landing, *bad, good = Landing(f"{folder}/landing", {"t": source}), *names
        for name in bad:
            Path(folder, f"{name}.{kind}").write_bytes(b"\x00")
        file = Path(folder, f"{good}.{kind}")
        file.write_bytes(content(kind, "1"))
        landed = landing.land(file, "t")
        assert (landing.root / landed.path).read_bytes() == file.read_bytes()
        assert [Path(found.location).name for found in landing.files()] == [file.name]


OF_FILES = re.compile(r"(?i)\b(read_(csv|json|ndjson|parquet|text|blob)\w*|parquet_\w+|sniff_csv|glob|copy)\s*\(")


def test_no_other_module_hands_a_path_to_duckdb() -> None:
    door = PROJECT / "flybill_pipeline" / "stores" / "files" / "duck.py"
    modules = [module for module in (PROJECT / "flybill_pipeline").rglob("*.py") if module != door]
    handing = [(module.name, text) for module in modules for text in _texts(module) if OF_FILES.search(text)]
    assert handing == []
    assert any(OF_FILES.search(text) for text in _texts(door))


def _texts(module: Path) -> list[str]:
    """The texts of a module that are no docstrings; those of an f-string in its parts."""
    tree = ast.parse(module.read_text())
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose
    ]


@pytest.mark.parametrize("name", ["a[1].jsonl", "b?.jsonl.gz"])
def test_a_name_stands_as_long_as_the_process(name: str, tmp_path: Path) -> None:
    from flybill_pipeline.stores.files.literal_names import literal_name

    link = Path(literal_name(tmp_path / name))
    assert link.suffix == Path(name).suffix
    assert Path(literal_name(tmp_path / name)) == link
    link.unlink()  # as something that sweeps temporary files does
    assert Path(literal_name(tmp_path / name)).is_symlink()

"""Records within JSON documents: found by a path, and written as a Parquet file of texts that DuckDB reads.

Python's own parser reads them, as it hands over the digits of a number as they stand; DuckDB's makes a double of them.
What the columns of a record mean is not here.
"""

import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

from flybill_pipeline.billing.usage.texts import is_whole
from flybill_pipeline.stores.files.second_reader import plain_content
from flybill_pipeline.stores.usage.intake.columns import ANY, EACH, NAME, UP, Step, steps_of
from flybill_pipeline.stores.usage.intake.reading import TooLargeError, UnreadableFileError
from flybill_pipeline.stores.usage.intake.sources import SourceMapping

LARGEST_DOCUMENT = 256 * 1024 * 1024
"""Bytes, unpacked. In Python's memory a document is about six times as large; lines are read one by one."""
AT_ONCE = 20_000
FLAW = "flaw"
"""The column that says of a record that it is none."""


class _Literal(str):
    """The digits of a number as they stand in the document."""

    __slots__ = ()


class _DoubledKeyError(ValueError):
    """An object has a key twice, and nobody can tell which one counts."""


@dataclass(frozen=True, slots=True)
class Node:
    """A value within a document: the object that it stands in, and the name that it has there."""

    value: Any
    parent: "Node | None" = None
    name: str | None = None


_NO_RECORD = object()
"""Stands where the path to records leads to something of another kind than it says."""


class Record(NamedTuple):
    """The texts of a record's columns, in order; or none, with what is wrong."""

    texts: tuple[str | None, ...]
    flaw: str | None = None


def needs_walking(source: SourceMapping) -> bool:
    """Whether the rows of the source's files lie within documents, or a column is found by more than keys."""
    if source.format == "json" or source.records:
        return True
    steps = [step for name in source.column_names() for step in steps_of(name)] if source.format == "jsonl" else []
    return any(step.key is None for step in steps)


def column_of(name: str, names: Sequence[str]) -> str:
    """The column of the written file that has the texts of this path."""
    return f"c{names.index(name)}"


def write_records(file: Path, source: SourceMapping, to: Path) -> None:
    """Writes a Parquet file with a row for each record of `file`: c0, c1, … are its columns by name, all texts.

    Raises UnreadableFileError when a document is none, is too large, or has nothing where its records should be.
    """
    import pyarrow as pa  # not at the top: who only reads the lake would wait for it
    import pyarrow.parquet as pq

    names = source.column_names()
    schema = pa.schema([pa.field(name, pa.string()) for name in (*(f"c{n}" for n in range(len(names))), FLAW)])
    with pq.ParquetWriter(to, schema, compression="zstd", compression_level=1) as writer:
        for batch in _batches(_records(file, source, [steps_of(name) for name in names])):
            columns = list(zip(*((*record.texts, record.flaw) for record in batch), strict=True))
            arrays = [pa.array(column, pa.string()) for column in columns]
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    for record in records:
        batch.append(record)
        if len(batch) == AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def _records(file: Path, source: SourceMapping, columns: Sequence[tuple[Step, ...]]) -> Iterator[Record]:
    walk = _walker(source, columns)
    if source.format == "jsonl":
        yield from _of_lines(file, walk, len(columns))
        return
    found = 0
    documents = list(_documents(file))
    for document in documents:
        before = found
        for record in walk(document):
            found += 1
            yield record
        if found == before and not _begins(document, source):  # an answer that is none, among others
            yield Record((None,) * len(columns), "nothing where its records should be")
    if not found:
        _require_some(documents, source)


def _of_lines(file: Path, walk: Callable[[Any], Iterator[Record]], columns: int) -> Iterator[Record]:
    nothing = (None,) * columns
    with plain_content(file) as content:
        lines = io.BufferedReader(cast(io.RawIOBase, content))
        while line := lines.readline(LARGEST_DOCUMENT + 1):
            if len(line) > LARGEST_DOCUMENT:
                raise _too_large()
            if not line.strip():
                continue
            try:
                document = _parsed(line)
            except (ValueError, RecursionError) as error:
                yield Record(nothing, str(error) or "no JSON")
                continue
            if isinstance(document, dict | list):
                yield from walk(document)
            else:
                yield Record(nothing, "no object")


def _documents(file: Path) -> Iterator[Any]:
    """The documents of a file, which may follow each other."""
    with plain_content(file) as content:
        raw = content.read(LARGEST_DOCUMENT + 1)
    if len(raw) > LARGEST_DOCUMENT:
        raise _too_large()
    try:
        text = raw.decode(json.detect_encoding(raw)).lstrip("\ufeff")
        at = _after_blanks(text, 0)
        while at < len(text):
            document, at = _DECODER.raw_decode(text, at)
            yield document
            at = _after_blanks(text, at)
    except (ValueError, RecursionError) as error:
        raise UnreadableFileError(
            f"the file is no JSON document, or is cut: {error}", "export it again, whole"
        ) from None


def _too_large() -> TooLargeError:
    return TooLargeError(
        f"a document has more than {LARGEST_DOCUMENT // 1024 // 1024} MiB, which is too much to hold at once",
        "export it in parts, or as JSON lines, which are read one by one",
    )


def _after_blanks(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _single(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _DoubledKeyError(f"an object has the key {twice!r} more than once, and nobody can tell which one counts")
    return read


_DECODER = json.JSONDecoder(parse_float=_Literal, parse_int=_Literal, object_pairs_hook=_single)


def _parsed(line: bytes) -> Any:
    return _DECODER.decode(line.decode("utf-8-sig"))


def _walker(source: SourceMapping, columns: Sequence[tuple[Step, ...]]) -> Callable[[Any], Iterator[Record]]:
    """What gives the records of a document."""
    paths = [steps_of(path) for path in source.records] or [()]
    nulls = set(source.null_values)

    def walk(document: Any) -> Iterator[Record]:
        for path in paths:
            for node in _nodes(Node(document), path):
                yield _record(node, columns, nulls)

    return walk


def _nodes(node: Node, path: tuple[Step, ...]) -> Iterator[Node]:
    """What a path leads to: `[]` each element of a list, `*` each value of an object; nothing where nothing is there.

    What is another thing than a list, or an object, is led to itself, so that it is not lost: it becomes no record.
    A list is no parent: the parent of its elements is the object that it stands in.
    """
    if not path:
        yield node
        return
    step, rest = path[0], path[1:]
    value = node.value
    if step.mark in (EACH, ANY) and not isinstance(value, list if step.mark == EACH else dict):
        if value is not None:
            yield Node(_NO_RECORD)
    elif step.mark == EACH:
        for element in value:
            yield from _nodes(Node(element, node.parent, node.name), rest)
    elif step.mark == ANY:
        for name, each in value.items():
            yield from _nodes(Node(each, node, name), rest)
    else:
        found = _step(node, step)
        if found is not None:
            yield from _nodes(found, rest)


def _record(node: Node, columns: Sequence[tuple[Step, ...]], nulls: set[str]) -> Record:
    nothing = (None,) * len(columns)
    told = () in columns and node.value is not _NO_RECORD  # a value may be a record where the mapping asks for it
    if not told and not isinstance(node.value, dict | list):
        return Record(nothing, "no object")
    texts = tuple(_text(_at(node, column)) for column in columns)
    if not all(text is None or text.isascii() or is_whole(text) for text in texts):
        return Record(nothing, "half of a character")
    return Record(tuple(None if text in nulls else text for text in texts) if nulls else texts)


def _at(node: Node | None, path: tuple[Step, ...]) -> Any:
    """The value of a column of a record; None where there is none."""
    for place, step in enumerate(path):
        if node is None:
            return None
        if step.mark == UP:
            node = node.parent
        elif step.mark == NAME:
            return node.name
        elif step.mark == ANY:
            values = node.value.values() if isinstance(node.value, dict) else ()
            found = (_at(Node(each, node), path[place + 1 :]) for each in values)
            return next((value for value in found if value is not None), None)
        else:
            node = _step(node, step)
    return None if node is None else node.value


def _step(node: Node, step: Step) -> Node | None:
    value = node.value
    if step.key is not None:
        return Node(value[step.key], node, step.key) if isinstance(value, dict) and step.key in value else None
    if step.place is not None:
        inside = isinstance(value, list) and -len(value) <= step.place < len(value)
        return Node(value[step.place], node.parent, node.name) if inside else None
    assert step.has is not None
    key, wanted = step.has
    for element in value if isinstance(value, list) else ():
        if isinstance(element, dict) and _text(element.get(key)) == wanted:
            return Node(element, node.parent, node.name)
    return None


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):  # NaN and the infinities, which are no JSON, but are written
        return str(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _begins(document: Any, source: SourceMapping) -> bool:
    """Whether the document has what a path to its records begins with. Go writes null for an empty list, and a server
    for an object that it could not give.
    """
    for steps in map(steps_of, source.records):
        found = None if not steps or steps[0].mark else _step(Node(document), steps[0])
        if not steps or steps[0].mark or (found and (found.value is not None or not steps[1:] or steps[1].mark)):
            return True
    return not source.records


def _require_some(documents: Sequence[Any], source: SourceMapping) -> None:
    """Raises UnreadableFileError where a document lacks what the path to its records begins with."""
    for document in documents:
        if not _begins(document, source):
            has = ", ".join(document) if isinstance(document, dict) else f"a list of {len(document)}"
            raise UnreadableFileError(
                f"the document has nothing at {' or '.join(source.records)}; it has {has or 'nothing'}",
                f"correct `records` of source {source.name!r} in sources.toml, or export the file again",
            )

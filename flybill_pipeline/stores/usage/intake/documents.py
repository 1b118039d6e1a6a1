"""Records within JSON documents: found by a path, and written as a Parquet file of texts that DuckDB reads.

Python's own parser reads them, as it hands over the digits of a number as they stand; DuckDB's makes a double of them.
What the columns of a record mean is not here.
"""

import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from flybill_pipeline.billing.usage.texts import is_whole
from flybill_pipeline.stores.files.second_reader import plain_content
from flybill_pipeline.stores.postgres.no_cycles import no_search_for_cycles
from flybill_pipeline.stores.usage.intake.columns import Step, steps_of
from flybill_pipeline.stores.usage.intake.pointed_keys import require_quotes
from flybill_pipeline.stores.usage.intake.reading import TooLargeError, UnreadableFileError
from flybill_pipeline.stores.usage.intake.sources import SourceMapping
from flybill_pipeline.stores.usage.intake.walking import NO_RECORD, Node, nodes_at, step_from, text_of, value_at

LARGEST_DOCUMENT = 256 * 1024 * 1024
"""Bytes, unpacked. In Python's memory a document is about six times as large; lines are read one by one."""
AT_ONCE = 20_000
_BLANKS = " \t\r\n\x1e"
"""Between documents. The last begins each of a JSON text sequence (RFC 7464)."""
FLAW = "flaw"
"""The column that says of a record that it is none."""


class _Literal(str):
    """The digits of a number as they stand in the document."""

    __slots__ = ()


class _DoubledKeyError(ValueError):
    """An object has a key twice, and nobody can tell which one counts."""


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
    with no_search_for_cycles(), pq.ParquetWriter(to, schema, compression="zstd", compression_level=1) as writer:
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
    except _DoubledKeyError as error:
        raise UnreadableFileError(
            str(error), "write each key once; of JSON lines (`jsonl`) only such a line is set aside"
        ) from None
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
    while at < len(text) and text[at] in _BLANKS:
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
    nulls, unseen = set(source.null_values), list(source.column_names())

    def walk(document: Any) -> Iterator[Record]:
        for path in paths:
            for node in nodes_at(Node(document), path):
                if unseen:  # the first record: it has the keys of all
                    require_quotes(node, unseen)
                    unseen.clear()
                yield _record(node, columns, nulls)

    return walk


def _record(node: Node, columns: Sequence[tuple[Step, ...]], nulls: set[str]) -> Record:
    nothing = (None,) * len(columns)
    told = () in columns and node.value is not NO_RECORD  # a value may be a record where the mapping asks for it
    if not told and not isinstance(node.value, dict | list):
        return Record(nothing, "no object")
    texts = tuple(text_of(value_at(node, column)) for column in columns)
    if not all(text is None or text.isascii() or is_whole(text) for text in texts):
        return Record(nothing, "half of a character")
    return Record(tuple(None if text in nulls else text for text in texts) if nulls else texts)


def _what_is_in(document: Any) -> str:
    if isinstance(document, dict):
        return f"it has {', '.join(document) or 'nothing'}"
    return (
        f"it is a list of {len(document)}"
        if isinstance(document, list)
        else f"it is only {text_of(document) or 'null'}"
    )


def _begins(document: Any, source: SourceMapping) -> bool:
    """Whether the document has what a path to its records begins with. Go writes null for an empty list, and a server
    for an object that it could not give.
    """
    for steps in map(steps_of, source.records):
        found = None if not steps or steps[0].mark else step_from(Node(document), steps[0])
        if not steps or steps[0].mark or (found and (found.value is not None or not steps[1:] or steps[1].mark)):
            return True
    return not source.records


def _require_some(documents: Sequence[Any], source: SourceMapping) -> None:
    """Raises UnreadableFileError where a document lacks what the path to its records begins with."""
    for document in documents:
        if not _begins(document, source):
            raise UnreadableFileError(
                f"the document has nothing at {' or '.join(source.records)}; {_what_is_in(document)}",
                f"correct `records` of source {source.name!r} in sources.toml, or export the file again",
            )

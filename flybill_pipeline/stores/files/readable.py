"""Makes a landed file readable for DuckDB where its own reader stops: packed Parquet, and what else only pyarrow reads
of it. Nothing is parsed here.
"""

import gzip
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

_PER_UNIT = {"s": 1, "ms": 1000}
FIRST, LAST = -62_135_596_800, 253_402_300_799  # the years 1 to 9999, in seconds since 1970
ROWS_AT_ONCE = 50_000

_ENDING = 8  # bytes
CODECS: dict[str, Literal["gzip", "zstd"]] = {".gz": "gzip", ".zst": "zstd"}

NO_COLUMNS = "(no columns)"
"""The one column of the copy of a file that has none."""


class NotCopiedError(Exception):
    """pyarrow cannot read the Parquet file either."""


@contextmanager
def readable(location: str, work: Path, *, copied: Collection[str] | None = None) -> Iterator[str]:
    """A path that DuckDB can read: the file itself, or what is in a packed one, unpacked in `work`.

    Text is unpacked by DuckDB as it reads, unless zeros follow it, as on tapes; Parquet has to be read from its end.
    Raises OSError when the file is torn.
    With `copied` it is Parquet, and these columns of it are written again by pyarrow; see `_copy`. Raises
    NotCopiedError.
    """
    file = Path(location)
    with _unpacked(file, work) as plain:
        copy = work / "copy.parquet"
        if copied is not None:
            try:
                _copy(plain, copy, copied)
            except (ValueError, NotImplementedError, OSError) as error:  # as pyarrow's are
                if isinstance(error, OSError) and error.errno is not None:  # the machine's
                    raise
                raise NotCopiedError(str(error)) from error
        yield str(plain if copied is None else copy)


@contextmanager
def _unpacked(file: Path, work: Path) -> Iterator[Path]:
    codec = CODECS.get(file.suffix)
    if codec is None or not (Path(file.stem).suffix == ".parquet" or (codec == "gzip" and _ends_with_zeros(file))):
        yield file
        return
    unpacked = work / file.stem
    with _opened(file, codec) as packed, unpacked.open("wb") as plain:
        shutil.copyfileobj(packed, plain, 1024 * 1024)
    yield unpacked


def _opened(file: Path, codec: Literal["gzip", "zstd"]) -> Any:
    if codec == "gzip":
        return gzip.open(file)
    import pyarrow as pa  # not at the top: whoever only reads the lake would wait for it

    return pa.input_stream(str(file), compression=codec)


def _ends_with_zeros(file: Path) -> bool:
    """Whether the last eight bytes are zeros: the checksum and the length with which gzip ends are not."""
    with file.open("rb") as opened:
        opened.seek(-min(_ENDING, file.stat().st_size), os.SEEK_END)
        return opened.read() == bytes(_ENDING)


def _copy(file: Path, to: Path, names: Collection[str]) -> None:
    """Copies the columns `names` of a Parquet file whose encodings DuckDB may not know, or whose times no calendar has.

    What stands in other columns, or beside all, is left behind: DuckDB gives a file up for the shapes of a map that
    nobody asks for. Where none of the names is there, all are copied, so that they can be told.

    Its milliseconds before the year 1 or after 9999 become that year's first or last: DuckDB makes microseconds of
    them, and gives the whole file up where one does not fit. No such time is believed anyway. A file without columns,
    as pandas writes of no rows, gets one.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with file.open("rb") as opened:
        read = pq.ParquetFile(opened, page_checksum_verification=True)
        schema = read.schema_arrow
        if not schema.names and not read.metadata.num_rows:
            pq.write_table(pa.table({NO_COLUMNS: pa.array([], pa.string())}), to)
            return
        wanted = {*names, *(name.split(".")[0] for name in names)}
        kept = [name for name in schema.names if name in wanted] or schema.names
        schema = pa.schema([field for field in schema if field.name in kept])
        with pq.ParquetWriter(to, schema) as writer:
            for batch in read.iter_batches(ROWS_AT_ONCE, columns=kept):
                columns = [_brought_near(column) for column in batch.columns]
                writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))


def _brought_near(column: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute

    kind = column.type
    if not pa.types.is_timestamp(kind) or kind.unit not in _PER_UNIT:
        return column
    pc: Any = pyarrow.compute
    first, last = FIRST * _PER_UNIT[kind.unit], LAST * _PER_UNIT[kind.unit]
    whole: Any = column.cast(pa.int64())
    whole = pc.if_else(pc.greater(whole, last), last, pc.if_else(pc.less(whole, first), first, whole))
    return whole.cast(kind)

"""Proves that a file's bytes are bad, by readers that share nothing with DuckDB. What the rows mean is not read here.

Each reads to the end, a piece at a time. The answer is a sentence, or None: these bytes can be read. What the machine
is short of (disk, handles, memory) proves nothing about a file; it is raised.
"""

import codecs
import gzip
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from flybill_pipeline.stores.files.readable import CODECS

PIECE = 1024 * 1024
ENCRYPTED = "the file is Parquet that is encrypted"
PACKED = {  # how a packed file begins, and no text or Parquet file
    b"\x1f\x8b\x08": "the file is packed by gzip, and its name does not end with .gz",
    b"\x28\xb5\x2f\xfd": "the file is packed by zstd, and its name does not end with .zst",
    b"BZh91AY&SY": "the file is packed by bzip2: pack it by gzip or zstd",
    b"\xfd7zXZ\0": "the file is packed by xz: pack it by gzip or zstd",
    b"PK\x03\x04": "the file is a zip archive, as a workbook of Excel is one too: unpack it, or export it as CSV",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "the file is a workbook of an old Excel: export it as CSV",
    b"\x04\x22\x4d\x18": "the file is packed by lz4: pack it by gzip or zstd",
    b"\xff\x06\x00\x00sNaPpY": "the file is packed by snappy: pack it by gzip or zstd",
    b"Obj\x01": "the file is Avro: export it as Parquet or JSON lines",
    b"ARROW1\x00\x00": "the file is of Arrow (Feather): save it as Parquet",
    b"\xff\xff\xff\xff": "the file is a stream of Arrow: save it as Parquet",
    b"7z\xbc\xaf\x27\x1c": "the file is an archive of 7-Zip: unpack it",
    b"Rar!\x1a\x07": "the file is a RAR archive: unpack it",
    b"SQLite format 3\x00": "the file is a database of SQLite: export its table as CSV",
    b"%PDF-": "the file is a PDF: export it as CSV",
    b"PARE": f"{ENCRYPTED}: export it without encryption",
    b"version https://git-lfs": "the file only points to another one, as Git LFS does: fetch that",
}
ROWS_AT_ONCE = 10_000


def fault_of(file: Path, form: str, *, columns: Collection[str], encoding: str) -> str | None:
    """What is wrong with the bytes of `file`, whose format is `form`, so that nobody can read `columns` of it.

    `encoding` is that of a text. One that is UTF-8 can always be read: its bad lines are bad rows.
    """
    packing = fault_of_packing(file)
    if packing is not None:
        return packing
    if form == "parquet":
        return _fault_of_parquet(file, columns)
    return None if encoding.lower() in ("", "utf-8", "utf8") else _fault_of_text(file, encoding)


def fault_of_packing(file: Path) -> str | None:
    """What is wrong with a compressed file, be it that its name does not say so; None of any other.

    DuckDB takes a .zst that was cut for whole, and does not compare what it unpacks with the checksum of a .gz.
    """
    codec = CODECS.get(file.suffix)
    if codec is None:
        return _fault_of_name(file)
    if file.stat().st_size == 0:
        return "the file is empty: not even the head of a compressed file is there"
    try:
        with plain_content(file) as opened:
            while opened.read(PIECE):
                pass
    except (OSError, EOFError, zlib.error) as error:
        return f"the file is cut or damaged: it cannot be unpacked to its end ({_words(_not_the_machines(error))})"
    return None


def _fault_of_name(file: Path) -> str | None:
    with file.open("rb") as opened:
        begins = opened.read(max(map(len, PACKED)))
    return next((fault for mark, fault in PACKED.items() if begins.startswith(mark)), None)


def _fault_of_text(file: Path, encoding: str) -> str | None:
    try:
        decoder = codecs.getincrementaldecoder(encoding)("strict")
    except LookupError:
        return None
    try:
        with plain_content(file) as opened:
            while piece := opened.read(PIECE):
                decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeError as error:
        return f"the file is no {encoding} text ({getattr(error, 'reason', error)})"
    return None


def _fault_of_parquet(file: Path, columns: Collection[str]) -> str | None:
    import pyarrow as pa  # not at the top: who only reads the lake would wait for it
    import pyarrow.parquet as pq

    whole = {*columns, *(name.split(".")[0] for name in columns)}
    try:
        with plain_content(file) as opened:
            read = pq.ParquetFile(opened, pre_buffer=False, buffer_size=PIECE, page_checksum_verification=True)
            wanted = [name for name in read.schema_arrow.names if name in whole]
            for batch in read.iter_batches(ROWS_AT_ONCE, columns=wanted):
                batch.validate(full=True)
    except pa.ArrowMemoryError as error:
        raise MemoryError(_words(error)) from None
    except pa.ArrowNotImplementedError as error:
        return f"the file is Parquet of a kind that nobody here can read ({_words(error)}): write it in another way"
    except (OSError, pa.ArrowException, UnicodeDecodeError, EOFError, zlib.error) as error:
        words = _words(_not_the_machines(error))
        if words.startswith("Cannot decrypt"):
            return f"{ENCRYPTED} in part: export it without encryption"
        return f"the file is no whole Parquet file ({words})"
    return None


@contextmanager
def plain_content(file: Path) -> Iterator[IO[bytes] | Any]:
    """The content of the file, unpacked where it is packed."""
    codec = CODECS.get(file.suffix)
    with file.open("rb") as opened:
        if codec is None:
            yield opened
        elif codec == "gzip":
            with gzip.open(opened) as unpacked:
                yield unpacked
        else:
            import pyarrow as pa

            with pa.CompressedInputStream(pa.PythonFile(opened), codec) as unpacked:
                yield unpacked


def _not_the_machines(error: Exception) -> Exception:
    """The error, unless it is one of the machine, which has a number."""
    if isinstance(error, OSError) and error.errno is not None:
        raise error
    return error


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:300].rstrip(".")

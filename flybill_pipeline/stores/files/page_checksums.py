"""Whether the pages of a Parquet file are as they were written, where its writer put a checksum beside each: Spark and
others do, and DuckDB does not compare it. What the pages say does not belong here.

The file is taken apart here, as pyarrow falls over what some damaged ones say of themselves.
"""

import zlib
from collections.abc import Collection, Iterator
from io import BufferedReader, BytesIO
from os import SEEK_END
from pathlib import Path
from typing import Any

_MARK = b"PAR1"
_ENDING = 8  # bytes: the length of the footer, and the mark
_MOST = 256 * 1024 * 1024  # bytes of a footer, or of a text in it
_GROUPS, _COLUMNS = 4, 1
_WHERE, _ENCRYPTED = 3, 8
_PATH, _SIZE, _PAGES, _DICTIONARY = 3, 7, 9, 11
_LENGTH, _CHECKSUM = 3, 4
"""Fields of the footer, of a group of rows, a column in it, what that says, and a page's head: as parquet.thrift
numbers them."""
_DEEPEST = 16


class _OtherwiseError(Exception):
    """What stands there is not what stands there in Parquet. DuckDB says what is wrong with it, if it needs it."""


def damaged_page(file: Path, columns: Collection[str]) -> int | None:
    """The place of the first page of these columns that is not what its checksum says; fields of a column are in it."""
    with file.open("rb") as opened:
        try:
            chunks = list(_chunks(_footer(opened), columns))
        except (_OtherwiseError, AttributeError, TypeError, ValueError):  # as what is there has other kinds
            return None
        found = (_damaged(opened, begin, end) for begin, end in chunks)
        return next((place for place in found if place is not None), None)


def _footer(opened: BufferedReader) -> dict[int, Any]:
    size = opened.seek(0, SEEK_END)
    opened.seek(max(0, size - _ENDING))
    ending = opened.read(_ENDING)
    length = int.from_bytes(ending[:4], "little")
    if not ending.endswith(_MARK) or length > min(size - _ENDING, _MOST):
        raise _OtherwiseError
    opened.seek(size - _ENDING - length)
    return _struct(BytesIO(opened.read(length)))


def _chunks(footer: dict[int, Any], columns: Collection[str]) -> Iterator[tuple[int, int]]:
    """Where the pages of the columns begin and end: those of a column in a group of rows follow each other."""
    begins = tuple(f"{name}.".encode() for each in columns for name in (each, each.split(".")[0]))
    for group in footer.get(_GROUPS, []):
        for column in group.get(_COLUMNS, []):
            said = column.get(_WHERE)
            if said and _ENCRYPTED not in column and b".".join([*said[_PATH], b""]).startswith(begins):
                begin = min(said.get(_DICTIONARY) or said[_PAGES], said[_PAGES])
                yield begin, begin + said[_SIZE]


def _damaged(opened: BufferedReader, place: int, end: int) -> int | None:
    """The first damaged page from `place` to `end`. Where the first of all has no checksum, none has."""
    first, size = place, opened.seek(0, SEEK_END)
    while 0 <= place < min(end, size):
        opened.seek(place)
        try:
            head = _struct(opened)
        except _OtherwiseError:
            return None
        length, checksum = head.get(_LENGTH, -1), head.get(_CHECKSUM)
        begin = opened.tell()
        if not 0 <= length <= size - begin or (checksum is None and place == first):
            return None
        if checksum is not None and zlib.crc32(opened.read(length)) != checksum % 2**32:
            return place
        place = begin + length
    return None


def _struct(opened: BufferedReader | BytesIO, deep: int = 0) -> dict[int, Any]:
    """A struct of Thrift's compact protocol: its values by field."""
    found, field = dict[int, Any](), 0
    while begin := _byte(opened):
        step, kind = begin >> 4, begin & 15
        field = field + step if step else _signed(opened)
        found[field] = kind == 1 if kind in (1, 2) else _value(opened, kind, deep)
    return found


def _value(opened: BufferedReader | BytesIO, kind: int, deep: int) -> Any:
    """A value of this kind. Flags are bytes in a list. Each takes a byte or more, so no list goes beyond the file."""
    if deep > _DEEPEST:
        raise _OtherwiseError
    if kind in (4, 5, 6):
        return _signed(opened)
    if kind == 8:
        return opened.read(min(_unsigned(opened), _MOST))
    if kind == 9:
        return _list(opened, deep + 1)
    if kind == 12:
        return _struct(opened, deep + 1)
    if kind == 7:  # a double
        return [_byte(opened) for _ in range(8)]
    if kind in (1, 2, 3):
        return _byte(opened)
    raise _OtherwiseError


def _list(opened: BufferedReader | BytesIO, deep: int) -> list[Any]:
    begin = _byte(opened)
    length = begin >> 4 if begin < 240 else _unsigned(opened)
    return [_value(opened, begin & 15, deep) for _ in range(length)]


def _signed(opened: BufferedReader | BytesIO) -> int:
    number = _unsigned(opened)
    return (number >> 1) ^ -(number & 1)


def _unsigned(opened: BufferedReader | BytesIO) -> int:
    number = 0
    for shift in range(0, 70, 7):
        byte = _byte(opened)
        number |= (byte & 127) << shift
        if byte < 128:
            return number
    raise _OtherwiseError


def _byte(opened: BufferedReader | BytesIO) -> int:
    byte = opened.read(1)
    if not byte:
        raise _OtherwiseError
    return byte[0]

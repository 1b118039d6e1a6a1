"""What a field of an imported file may hold, whichever file it is: texts, numbers, times, within what can be kept.

Which columns there are, and what they mean: organizations_file.py and items_file.py.
"""

import csv
import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.usage.quantities import QuantityError, read_quantity
from flybill_pipeline.billing.usage.texts import LONGEST_EMAIL, LONGEST_ID, fault_of_text
from flybill_pipeline.stores.files.long_texts import allow_long_texts
from flybill_pipeline.stores.files.regular import require_regular
from flybill_pipeline.stores.invoicing.org_terms import ImportRefusedError

YEARS = range(2000, 9999)
LONGEST_TEXT = 5_000
LONGEST = dict.fromkeys(("org_id", "item_id", "contract", "stripe_customer_id"), LONGEST_ID) | {"email": LONGEST_EMAIL}
"""Characters of a field by its column; of any other, LONGEST_TEXT."""

OTHER_DELIMITER = re.compile(r"[;\t|]")
"""What spreadsheets put between columns where a comma is the decimal point."""

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_NO_OFFSET = re.compile(r"[+-]\d{2}:?[6-9]\d$", re.ASCII)  # minutes that no hour has, which Python may add up


class RowFaultError(Exception):
    """What is wrong with a row, in one sentence with its remedy."""


def csv_rows(file: Path) -> tuple[list[str], list[dict[str, str]]]:
    """The header of a CSV file and its rows; of one with more fields than the header the surplus is under None.

    Raises ImportRefusedError when it cannot be read, has no commas, or names a column twice.
    """
    reader = None
    try:
        require_regular(file)
        with file.open(newline="", encoding="utf-8-sig") as opened:
            allow_long_texts()
            reader = csv.DictReader(opened, strict=True)
            rows, header = list(reader), list(reader.fieldnames or [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        where = "" if reader is None else f" row {max(reader.reader.line_num, 1)}:"
        raise ImportRefusedError([f"{file}:{where} cannot be read as CSV in UTF-8: {error}"]) from None
    if len(header) == 1 and (found := OTHER_DELIMITER.search(header[0])):
        delimiter = "tab characters" if found[0] == "\t" else repr(found[0])
        raise ImportRefusedError([f"{file}: row 1: the columns have {delimiter} between them: save it with commas"])
    if twice := first_twice(header):
        raise ImportRefusedError([f"{file}: row 1: column {twice!r} stands twice: remove one of the two"])
    return header, rows


def require_columns(file: Path, header: Collection[str], required: Collection[str], known: Collection[str]) -> None:
    """Raises ImportRefusedError when the header lacks one that is required, or has one that nobody knows."""
    if missing := [name for name in required if name not in header]:
        raise ImportRefusedError(
            [f"{file}: row 1: column {missing[0]} is missing; the header must have {', '.join(required)}"]
        )
    if unknown := [name for name in header if name not in known]:
        sentence = f"column {unknown[0]!r} is not known; known are {', '.join(known)}"
        raise ImportRefusedError([f"{file}: row 1: {sentence}"])


def first_twice(names: Iterable[str]) -> str | None:
    """The first name that stands there a second time; None when there is none."""
    seen = set[str]()
    return next((name for name in names if name in seen or seen.add(name)), None)  # type: ignore[func-returns-value]


def require_texts(texts: Mapping[str, str]) -> None:
    """Raises RowFaultError when a field is too long, or has a character that no database can keep."""
    for name, text in texts.items():
        if fault := fault_of_text(name, text, LONGEST.get(name, LONGEST_TEXT)):
            raise RowFaultError(fault)


def read_number(name: str, text: str) -> Decimal:
    """A number as usage files may hold it, below 1e15 and with at most 18 decimals. Raises RowFaultError."""
    try:
        return read_quantity(text, "write a smaller number")
    except QuantityError as error:
        raise RowFaultError(f"{name} {error}") from None


def read_moment(text: str) -> datetime:
    """A UTC day or a time with its zone, as a time in UTC. Raises RowFaultError."""
    read = _iso(text)
    if read is None or (read.tzinfo is None and not _DAY.fullmatch(text) and _iso(f"{text}Z") is None):
        raise RowFaultError(f"{text!r} is not a time: write 2026-10-01 or 2026-10-01T12:00:00Z")
    require_year(read.year, text)
    if _DAY.fullmatch(text):
        return read.replace(tzinfo=UTC)
    if read.tzinfo is None:
        raise RowFaultError(f"{text!r} has no time zone: write {text}Z for UTC")
    return read.astimezone(UTC)


def _iso(text: str) -> datetime | None:
    """The time that an ISO text says; None when it says none. A small z stands for UTC too, as RFC 3339 allows."""
    if _NO_OFFSET.search(text):
        return None
    try:
        return datetime.fromisoformat(f"{text[:-1]}Z" if text.endswith("z") else text)
    except ValueError:
        return None


def read_month(text: str) -> Month:
    """A month. Raises RowFaultError."""
    try:
        read = Month.parse(text)
    except ValueError as error:
        raise RowFaultError(str(error)) from None
    require_year(read.year, text)
    return read


def require_year(year: int, text: str) -> None:
    """Raises RowFaultError for a year that nobody can mean."""
    if year not in YEARS:
        raise RowFaultError(
            f"{text!r} is out of range: write a year from {YEARS.start} to {YEARS.stop - 1}, or nothing where there is"
            " no end"
        )

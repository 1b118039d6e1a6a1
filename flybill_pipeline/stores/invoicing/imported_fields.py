"""What a field of an imported file may hold, whichever file it is: texts, numbers, times, within what can be kept.

Which columns there are, and what they mean: organizations_file.py and items_file.py.
"""

import csv
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.usage.texts import LONGEST_EMAIL, LONGEST_ID, fault_of_text
from flybill_pipeline.stores.invoicing.org_terms import ImportRefusedError

YEARS = range(2000, 9999)
LONGEST_TEXT = 5_000
LONGEST = dict.fromkeys(("org_id", "item_id", "contract", "stripe_customer_id"), LONGEST_ID) | {"email": LONGEST_EMAIL}
"""Characters of a field by its column; of any other, LONGEST_TEXT."""

_NUMBER = re.compile(r"[+-]?(\d{1,15}(\.\d{0,18})?|\.\d{1,18})", re.ASCII)


class RowFaultError(Exception):
    """What is wrong with a row, in one sentence with its remedy."""


def csv_rows(file: Path) -> tuple[list[str], list[dict[str, str]]]:
    """The header of a CSV file and its rows; of one with more fields than the header the surplus is under None.

    Raises ImportRefusedError when it cannot be read, or names a column twice.
    """
    reader = None
    try:
        with file.open(newline="", encoding="utf-8-sig") as opened:
            reader = csv.DictReader(opened, strict=True)
            rows, header = list(reader), list(reader.fieldnames or [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        where = "" if reader is None else f" row {reader.reader.line_num}:"
        raise ImportRefusedError([f"{file}:{where} cannot be read as CSV in UTF-8: {error}"]) from None
    if twice := first_twice(header):
        raise ImportRefusedError([f"{file}: row 1: column {twice!r} stands twice: remove one of the two"])
    return header, rows


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
    """A plain decimal number, below 1e15 and with at most 18 decimals. Raises RowFaultError."""
    if not _NUMBER.fullmatch(text):
        raise RowFaultError(f"{name} {text!r} is not a number below 1e15: write it like 12.50")
    return Decimal(text)


def read_moment(text: str) -> datetime:
    """A UTC day or a time with its zone, as a time in UTC. Raises RowFaultError."""
    try:
        read = datetime.fromisoformat(text)
        day = date.fromisoformat(text) if len(text) == len("2026-10-01") else None
    except ValueError:
        raise RowFaultError(f"{text!r} is not a time: write 2026-10-01 or 2026-10-01T12:00:00Z") from None
    require_year(read.year, text)
    if day is not None:
        return datetime(day.year, day.month, day.day, tzinfo=UTC)
    if read.tzinfo is None:
        raise RowFaultError(f"{text!r} has no time zone: write {text}Z for UTC")
    return read.astimezone(UTC)


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

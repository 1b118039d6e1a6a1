"""Price books at rest: a folder of TOML files, or one of them. What may stand in a book is price_book_reader's."""

import tomllib
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

from flybill_pipeline.billing.pricing.prices import PriceBook, PriceBooks
from flybill_pipeline.stores.files.regular import require_regular
from flybill_pipeline.stores.pricing.book_reader import read_book


class PriceBookError(ValueError):
    """The price books cannot be used. `faults` names everything that is wrong, each with its file and path."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("\n".join(faults))


def load_price_books(path: Path) -> PriceBooks:
    """The price books in `path`: a folder (its *.toml files) or one file. Raises PriceBookError with every fault."""
    faults: list[str] = []
    read = [(file, _read_file(file, faults)) for file in _files(path, faults)]
    books = [(file, book) for file, book in read if book is not None]
    _note_same_days(books, faults)
    if faults:
        raise PriceBookError(faults)
    return PriceBooks(tuple(book for _, book in books))


def _files(path: Path, faults: list[str]) -> list[Path]:
    files = [path] if path.is_file() else sorted(path.glob("*.toml"))
    if not files:
        problem = "is not there"
        if path.is_dir():
            problem = "has no price book; add a file such as usd.toml"
        elif path.exists():
            problem = "is a pipe or a device: name a folder or a file"
        faults.append(f"{path}: {problem}")
    return files


def _read_file(file: Path, faults: list[str]) -> PriceBook | None:
    try:
        require_regular(file)
        book, own_faults = _read_text(file.read_text(encoding="utf-8"), file.name)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        faults.append(f"{file.name}: cannot be read as TOML: {error}")
        return None
    faults.extend(own_faults)
    return book


@lru_cache(maxsize=256)  # the files are opened for each month that is looked at, and seldom say something new
def _read_text(text: str, name: str) -> tuple[PriceBook | None, tuple[str, ...]]:
    faults: list[str] = []
    return read_book(tomllib.loads(text, parse_float=Decimal), name, faults), tuple(faults)


def _note_same_days(books: list[tuple[Path, PriceBook]], faults: list[str]) -> None:
    first: dict[tuple[str, object], Path] = {}
    for file, book in books:
        earlier = first.setdefault((book.currency, book.effective_from), file)
        if earlier is not file:
            day = book.effective_from.isoformat()
            faults.append(f"{file.name}: effective_from: {earlier.name} is a {book.currency} book of {day} too")

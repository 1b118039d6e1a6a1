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
    """The price books in `path`: a folder (its *.toml files) or one file. Raises PriceBookError with every fault.

    As long as the files say the same it is the same object, to be looked up by.
    """
    faults: list[str] = []
    texts = [(file.name, text) for file in _files(path, faults) if (text := _text_of(file, faults)) is not None]
    books, own_faults = _books(tuple(texts))
    if faults or own_faults:
        raise PriceBookError([*faults, *own_faults])
    return books


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


def _text_of(file: Path, faults: list[str]) -> str | None:
    try:
        require_regular(file)
        return file.read_text(encoding="utf-8")
    except (UnicodeDecodeError, OSError) as error:
        faults.append(f"{file.name}: cannot be read as TOML: {error}")
        return None


@lru_cache(maxsize=16)  # the files are opened for each month that is looked at, and seldom say something new
def _books(texts: tuple[tuple[str, str], ...]) -> tuple[PriceBooks, tuple[str, ...]]:
    """The books of these files, by name and text, and what is wrong with them."""
    faults: list[str] = []
    read = [(name, _read(name, text, faults)) for name, text in texts]
    books = [(name, book) for name, book in read if book is not None]
    _note_same_days(books, faults)
    return PriceBooks(tuple(book for _, book in books)), tuple(faults)


def _read(name: str, text: str, faults: list[str]) -> PriceBook | None:
    try:
        return read_book(tomllib.loads(text, parse_float=Decimal), name, faults)
    except tomllib.TOMLDecodeError as error:
        faults.append(f"{name}: cannot be read as TOML: {error}")
        return None


def _note_same_days(books: list[tuple[str, PriceBook]], faults: list[str]) -> None:
    first: dict[tuple[str, object], str] = {}
    for name, book in books:
        earlier = first.setdefault((book.currency, book.effective_from), name)
        if earlier != name:
            day = book.effective_from.isoformat()
            faults.append(f"{name}: effective_from: {earlier} is a {book.currency} book of {day} too")

"""A language's catalog: the texts of `LANGUAGE.po` by their English ones, read as they stand in the tree. No form here.

Nothing is compiled, so nothing can be older than what it was made of.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

Texts = Mapping[str, Sequence[str]]
"""English text → its translation, or its translations in the order of the language's plural forms."""


@cache
def texts(code: str) -> Texts:
    """The texts of a language."""
    return {_name(each.id): _forms(each.string) for each in read(code) if each.id}


def read(code: str) -> Catalog:
    """The catalog as translators know it."""
    with files(__package__).joinpath(f"{code}.po").open("rb") as file:
        return read_po(file, locale=code, abort_invalid=True)


def _name(text: str | Sequence[str]) -> str:
    """A text that has a plural is found by its singular."""
    return text if isinstance(text, str) else text[0]


def _forms(text: str | Sequence[str] | None) -> Sequence[str]:
    return (text,) if isinstance(text, str) else tuple(text or ())

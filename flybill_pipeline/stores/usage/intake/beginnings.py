"""How a usage file begins, and what kind of file it looks like. Which kinds there are is in kinds.py."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Kind(NamedTuple):
    """What a file looks like, and what to do."""

    looks_like: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Begins:
    """How a file begins: its bytes, whether that is all of it, the encoding that they are read in, their text, and the
    whole lines of that.
    """

    raw: bytes
    whole: bool
    encoding: str
    text: str
    every_line: Sequence[str]

    @property
    def lines(self) -> list[str]:
        """Those that are not blank."""
        return [line for line in self.every_line if line.strip()]

"""Where one part of a usage event comes from, and what is made of it: the values that a source mapping consists of.

They are plain and frozen. How they are written in TOML is in column_fields.py, what SQL they become in reading.py.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, NamedTuple

LATER: Mapping[str, Any] = {"later": True}
"""Of a field that came later than others of its class: where it is not said, a mapping's fingerprint is without it."""


class Unit(StrEnum):
    """What a number of time counts since 1970."""

    SECONDS = "s"
    MILLISECONDS = "ms"
    MICROSECONDS = "us"
    NANOSECONDS = "ns"


@dataclass(frozen=True, slots=True)
class Column:
    """A value: of a column (in JSON a path), the same constant for every row, a part of the file's path, or SQL.

    `more` are further columns, whose texts follow with a blank between; or those that the SQL reads. `json` is a path
    into the text, a column's or one that the SQL gives, that is JSON.
    `words` says what a text stands for.
    A time has `formats`, a `zone` that it is local in, or the `unit` of a number. A quantity is multiplied by `times`,
    divided by `divide_by`, rounded to `decimals`; or it is the seconds of `interval`, from its first to its second.
    """

    name: str | None = None
    constant: str | None = None
    more: tuple[str, ...] = ()
    path: str | None = None
    sql: str | None = None
    json: str | None = None
    words: Mapping[str, str] = field(default_factory=dict)
    formats: tuple[str, ...] = ()
    zone: str | None = None
    unit: Unit | None = None
    times: "Column | None" = None
    divide_by: "Column | None" = None
    decimals: int | None = None
    interval: "tuple[Column, Column] | None" = None

    def columns(self) -> Iterator[str]:
        """The names of all columns that the value is made of."""
        if self.name is not None:
            yield self.name
        yield from self.more
        for part in (self.times, self.divide_by, *(self.interval or ())):
            if part is not None:
                yield from part.columns()

    def paths(self) -> Iterator[str]:
        """What the value asks of the file's path."""
        if self.path is not None:
            yield self.path
        for part in (self.times, self.divide_by, *(self.interval or ())):
            if part is not None:
                yield from part.paths()

    def described(self) -> str:
        """The value for a person who looks for it in the mapping."""
        factors = (("times", self.times), ("divided by", self.divide_by))
        scaled = (f" {word} {part.described()}" for word, part in factors if part is not None and part.constant is None)
        return self._origin() + "".join(scaled)

    def _origin(self) -> str:
        if self.interval:
            return " to ".join(part.described() for part in self.interval)
        if self.name is not None:
            return "column " + " + ".join(map(repr, (self.name, *self.more)))
        return f"path {self.path!r}" if self.path else "sql" if self.sql else "a constant"


def value_in(path: str, pattern: str) -> str | None:
    """The part of a path that stands in the place of the pattern's `*`; None where no folder or file fits."""
    before, after = pattern.split("*")
    for part in PurePosixPath(path).parts:
        if len(part) >= len(before) + len(after) and part.startswith(before) and part.endswith(after):
            return part[len(before) : len(part) - len(after) or None]
    return None


@dataclass(frozen=True, slots=True)
class Measure:
    """One of several meters that a row tells about."""

    meter: Column
    quantity: Column


@dataclass(frozen=True, slots=True)
class Wanted:
    """A condition on a column: its text is one of `values`, or `not` any of them; or whether there is one at all."""

    column: str
    values: tuple[str, ...] = ()
    negated: bool = False
    present: bool | None = None


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a CSV file is written. `header` are names for a file that has none; `skip` counts the lines above it.

    `decimal` is the mark before the fraction of a number, `thousands` the one between its thousands. Lines that begin
    with `comment` are none. A row that is too short has no value in its last columns where `null_padding`. Blanks
    around names and values are none where `trim`. `escape` stands before quotes within a text; where there are no
    quotes, before delimiters and ends of lines.
    """

    delimiter: str = ","
    quote: str = '"'
    encoding: str = ""
    decimal: str = "."
    thousands: str = ""
    skip: int = 0
    comment: str = ""
    header: tuple[str, ...] = ()
    null_padding: bool = False
    trim: bool = field(default=False, metadata=LATER)
    escape: str = field(default="", metadata=LATER)

    @property
    def quotes(self) -> str:
        """What stands around texts in the file; or in its copy, where the file has an escape instead."""
        return self.quote or ('"' if self.escape else "")

    def of_python(self) -> dict[str, Any]:
        """The same for Python's own reader and writer."""
        # Without quotes Python's writer would still take a quote in a text for one that it must escape.
        quoting = {"quotechar": self.quotes} if self.quotes else {"quoting": csv.QUOTE_NONE, "quotechar": None}
        return {"delimiter": self.delimiter, "strict": True, "skipinitialspace": self.trim} | quoting


class Step(NamedTuple):
    """One step of a path into JSON: a `key`, a `place` in a list, the element that `has` a value at a key, a `mark`."""

    key: str | None = None
    place: int | None = None
    has: tuple[str, str] | None = None
    mark: str | None = None


UP, ANY, EACH, NAME = "^", "*", "[]", "@key"
ITSELF = "."
"""The path to a document itself, where that is the record; or to a record itself, where that is a value. No steps."""
_STEP = re.compile(
    r"""(?P<up>\^) | (?P<name>@key) | (?P<each>\[\]) | \[(?P<index>-?[0-9]+)\]
    | \[(?P<key>[^\]="?][^\]="]*)=(?:"(?P<exact>[^"]*)"|(?P<value>[^\]]*))\] | "(?P<quoted>[^"]+)" | (?P<any>\*)
    | (?P<plain>[^.\[\]"^*]+[^.\[\]"^]*)""",
    re.VERBOSE,
)


_ELSEWHERE = {  # how paths are written elsewhere, and what says so here
    "[*": "each element of a list is [] in `records`; a column names one, as in [0] or [key=org]",
    '["': 'a key stands in quotes after a point, as in x."a.b"',
    "['": 'a key stands in quotes after a point, as in x."a.b"',
    "[?": "the element that has a value at a key is [key=value]",
    "[": "a key stands after a point, as in fields.kind; [0] and [key=org] are elements of a list",
}


class PathError(ValueError):
    """The text is no path into JSON; the message says where it stops to be one."""


def steps_of(path: str) -> tuple[Step, ...]:
    """The steps of a path such as `^.usage[key=org].value`, `"a key.with points"` or `data.*`. Raises PathError."""
    if path == ITSELF:
        return ()
    steps: list[Step] = []
    at = 0
    while at < len(path):
        at += path[at] == "." and bool(steps)
        found = _STEP.match(path, at)
        if found is None:
            instead = _ELSEWHERE.get(path[at : at + 2], _ELSEWHERE.get(path[at]))
            raise PathError(f"{path[at:]!r} is no step of a path" + (f": {instead}" if instead else ""))
        steps.append(_step(found))
        at = found.end()
        if at < len(path) and path[at] not in ".[^":
            raise PathError(f"a point is missing before {path[at:]!r}")
        if at == len(path) - 1 and path[at] == ".":
            raise PathError("it ends with a point")
    return tuple(steps)


def _step(found: re.Match[str]) -> Step:
    match found.lastgroup:
        case "up" | "name" | "each" | "any":
            return Step(mark={"up": UP, "name": NAME, "each": EACH, "any": ANY}[found.lastgroup])
        case "index":
            return Step(place=int(found["index"]))
        case "exact" | "value" as given:
            return Step(has=(found["key"], found[given]))
    return Step(key=found["quoted"] or found["plain"])


def number(text: Decimal | int) -> Column:
    """A factor that is the same for every row."""
    return Column(constant=format(Decimal(text), "f"))

"""A JSON line as the first of its file has it: SQL that proves that a line has its keys, and each value's very text.

DuckDB takes one of two equal keys without a word, and gives a number's nearest double. So a line is put together again
from what DuckDB took out of it: where that is the line itself, nothing was lost. What becomes of others: judging.py.
"""

import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from flybill_pipeline.stores.files.duck import quoted

LONGEST_MODEL = 10_000  # characters
MOST_VALUES, MOST_ZEROS = 50, 40
Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LineModel:
    """The texts of a line around its values: one more than there are `paths`. Texts stand in quotes, all else does not.

    `bare` are the places of the values that stand without.
    """

    around: tuple[str, ...]
    paths: tuple[Path, ...]
    bare: frozenset[int]

    def is_line(self, line: str, value: Callable[[Path], str], number: Path | None) -> str:
        """SQL, true of a `line` that is like this one; `value` is SQL for what was taken out at a path.

        The value at `number` may have more zeros at its end than its double, as in 7.50.
        """
        values = [
            f"coalesce({value(path)}, 'null')" if place in self.bare else value(path)
            for place, path in enumerate(self.paths)
        ]
        same = self._joined(values)
        zeros = self._filled(line, values, self.paths.index(number)) if number in self.paths else ""
        return f"(case when {same} = {line} then true {zeros} else false end and not contains({line}, '\\'))"

    def _filled(self, line: str, values: list[str], place: int) -> str:
        """Asked of the lines that are longer only; a text has no zeros that say nothing."""
        if place not in self.bare:
            return ""
        more = f"strlen({line})::bigint - strlen({self._joined(values)})::bigint"
        longer = [*values[:place], f"{values[place]} || repeat('0', {more})", *values[place + 1 :]]
        fraction = f"contains({values[place]}, '.') and not contains({values[place]}, 'e')"
        return f"when {more} between 1 and {MOST_ZEROS} and {fraction} then {self._joined(longer)} = {line}"

    def _joined(self, values: list[str]) -> str:
        parts = [quoted(self.around[0])]
        for text, each in zip(self.around[1:], values, strict=True):
            parts += [each, quoted(text)]
        return f"concat({', '.join(parts)})"


def model_of(line: str, read: Collection[Path]) -> LineModel | None:
    """The model that `line` is; None where it cannot be one, or has no value at a path of `read`."""
    record = _record(line)
    if record is None:
        return None
    point, comma = ('": ', ", ") if '": ' in line else ('":', ",")
    around, leaves = [""], list[tuple[Path, object]]()
    for text, leaf in _parts(record, (), (point, comma)):
        around[-1] += text
        if leaf is not None:
            leaves.append(leaf)
            around.append("")
    paths = tuple(path for path, _ in leaves)
    if len(paths) > MOST_VALUES or not set(read) <= set(paths):
        return None
    quotes = [isinstance(value, str) for _, value in leaves]
    for place, is_text in enumerate(quotes):
        if is_text:
            around[place] += '"'
            around[place + 1] = '"' + around[place + 1]
    return LineModel(tuple(around), paths, frozenset(place for place, is_text in enumerate(quotes) if not is_text))


def _record(line: str) -> dict[str, object] | None:
    """The object that a line is, if it has each key once and nothing that is written in another way than it reads."""

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        if len(dict(pairs)) < len(pairs) or any('"' in key or "*" in key or not key for key, _ in pairs):
            raise ValueError
        return dict(pairs)

    if len(line) >= LONGEST_MODEL or "\\" in line:
        return None
    try:
        record = json.loads(line, object_pairs_hook=once)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) and record else None


def _parts(
    record: dict[str, object], above: Path, marks: tuple[str, str]
) -> Iterator[tuple[str, tuple[Path, object] | None]]:
    """Texts of the line, each with the value that comes after it, if one does."""
    point, comma = marks
    for place, (key, value) in enumerate(record.items()):
        begins = f'{comma if place else "{"}"{key}{point}'
        if isinstance(value, dict) and value:
            yield begins, None
            yield from _parts(value, (*above, key), marks)
        else:
            yield begins, ((*above, key), value)
    yield "}", None

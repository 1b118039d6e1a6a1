"""SQL that tells whether a JSON line names a key twice that the mapping reads: nobody can tell which one counts.

DuckDB takes one of them without a word. Belongs here: that. Does not: what becomes of the row (judging.py).
"""

import json
from collections.abc import Iterable

from flybill_pipeline.stores.files.duck import quoted
from flybill_pipeline.stores.usage.intake.columns import steps_of
from flybill_pipeline.stores.usage.intake.values import like

LONGEST_MODEL = 10_000
"""Characters of a line that others are compared with."""


def doubled_keys(line: str, names: Iterable[str], first: str) -> str:
    """SQL, true of a `line` in which one of the dotted `names`, or a part of one, stands twice in the same object.

    Most lines have the keys of the file's `first` line, and that is all that is looked at in them. Of others the text
    is searched, and the JSON taken apart only where the search finds something.
    """
    read: dict[str, list[str]] = {}
    for name in names:
        parts = [step.key or "" for step in steps_of(name)]
        for place, part in enumerate(parts):
            below = read.setdefault("$" + "".join(f'."{above}"' for above in parts[:place]), [])
            below += [part] if part not in below else []
    suspect = " or ".join(f"{line} like {_twice(key)} escape '!'" for keys in read.values() for key in keys)
    sure = " or ".join(_doubled(line, path, keys) for path, keys in read.items())
    return rf"case {_as_in(first, line, read)} when {suspect} or contains({line}, '\') then {sure} else false end"


def _as_in(first: str, line: str, paths: Iterable[str]) -> str:
    if len(first) > LONGEST_MODEL or not _has_single_keys(first):
        return ""
    where = f"[{', '.join(map(quoted, paths))}]"
    return f"when try(json_keys({line}, {where})) = try(json_keys({quoted(first)}, {where})) then false"


def _has_single_keys(text: str) -> bool:
    doubled = []

    def note(pairs: list[tuple[str, object]]) -> None:
        doubled.append(len(dict(pairs)) < len(pairs))

    try:
        json.loads(text, object_pairs_hook=note)
    except (ValueError, RecursionError):
        return False
    return not any(doubled)


def _doubled(line: str, path: str, keys: list[str]) -> str:
    found = f"list_filter(try(json_keys({line}, {quoted(path)})), lambda key: key in ({', '.join(map(quoted, keys))}))"
    return f"coalesce(len({found}) > len(list_distinct({found})), false)"


def _twice(key: str) -> str:
    """A pattern for a key that stands twice. Without its first quote, which would be looked for at each other key."""
    name = like(json.dumps(key, ensure_ascii=False)[1:])
    return quoted(f"%{name}%{name}%")

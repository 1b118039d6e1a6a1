"""An expression of a mapping as SQL, in which DuckDB by itself rounds no number and drops no zone of a time.

Not here: what may stand in one.
"""

import json
from functools import lru_cache
from typing import Any

from flybill_pipeline.stores.usage.intake.parsed_sql import (
    column_of,
    function_of,
    nodes_of,
    spelled,
    tree_of,
    type_of,
)

WHOLE = frozenset(["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "INT", "INT4", "INT8", "LONG"])
TEXTS = ("VARCHAR", "JSON")
MOST_PLACES = 18
WIDEST = f"decimal(38, {MOST_PLACES})"
CHOICES = frozenset(["if", "greatest", "least", "list_value"])
"""Functions that give one of their arguments: DuckDB brings all of these to one type."""
SUMS = ("+", "-", "%", "abs")
ZONED = ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ")
TIMES = ("TIMESTAMP", "DATE", "TIME", *ZONED)
_TIME = r"^\s*([0-9]+[-/][0-9]+[-/][0-9]+)?[ T]*([0-9]+:[0-9:.]+)?\s*"
_UTC = r"Z|UTC|GMT|[+-]00(:?00)?"
ANY_TIME = {
    False: rf"{_TIME}({_UTC})?\s*$",
    True: rf"{_TIME}({_UTC}|[+-][0-9]{{2}}(:?[0-9]{{2}}){{0,2}}|[A-Za-z_]+/[A-Za-z_/-]+)?\s*$",
}
"""Patterns of times, for a type with a zone or without. DuckDB takes any text after a time, and drops it where the type
has no zone. A zone that is letters only, such as BST, is whichever one it knows by them.
"""


@lru_cache(maxsize=256)
def lossless(text: str, *, exact: bool) -> str:
    """The SQL of the expression, in which what DuckDB would round is compared as it is, or no number where `exact`.

    A text whose zone a cast would drop is no time.
    """
    tree = tree_of(text)
    for node in _from_within(tree):
        if function_of(node) == "nullif":
            one, other = (each["expression"] for each in node["arguments"])
            _put(node, _over("case when x = y then null else x end", x=one, y=other))
    for node in _from_within(tree):
        _compare_as_they_are(text, node)
    for node in _from_within(tree):
        pattern = _kept_whole(node["type_expr"], exact=exact) if node["class"] == "CAST" else None
        if pattern is not None and type_of(text, node["child"]) in TEXTS:
            node["child"] = _over(f"regexp_extract(x, '{pattern}')", x=node["child"])
    return spelled(text, tree)


def _kept_whole(kind: dict[str, Any], *, exact: bool) -> str | None:
    """A pattern of the texts that a cast to the type keeps as they are; None where that does not matter."""
    if (name := kind["type_name"].upper()) in TIMES:
        return ANY_TIME[name in ZONED]
    places = _places(kind) if exact else None
    return None if places is None else _not_rounded(places)


def _from_within(tree: dict[str, Any]) -> list[dict[str, Any]]:
    """The nodes, each after those that it is made of: where one is put into another one, it is done."""
    return list(nodes_of(tree))[::-1]


def _compare_as_they_are(text: str, node: dict[str, Any]) -> None:
    """DuckDB makes a text the other side's kind before it compares them: of '0.4' and 0 it makes 0 and 0, and of a time
    with a zone one without. Of a text beside a time the cast is written down here, to be looked at like any other.
    """
    compared = _compared(node)
    kinds = [type_of(text, each) for each in compared]
    time = next((kind for kind in kinds if kind in TIMES), None)
    for each, kind in zip(compared, kinds, strict=True):
        if time and kind in TEXTS:
            _put(each, _over(f"cast(x as {time})", x=dict(each)))
    if "HUGEINT" in kinds or not any(kind in WHOLE or kind.startswith("DECIMAL") for kind in kinds):
        return
    for each, kind in zip(compared, kinds, strict=True):
        if kind in TEXTS:
            _put(each, _over(f"cast(x as {WIDEST})", x=dict(each)))
        else:
            for cast, places in _reckoned_from(text, each, MOST_PLACES):
                cast["type_expr"] = tree_of(f"cast(x as decimal(38, {places}))")["type_expr"]


def _reckoned_from(text: str, node: dict[str, Any], places: int) -> list[tuple[dict[str, Any], int]]:
    """The casts of texts to numbers that make the number of the node, each with the decimals that there is room for.

    Of a product the factors share them, so that there are as many before the point as there would be without.
    """
    if node["class"] == "CAST":
        kept = _places(node["type_expr"]) is not None and type_of(text, node["child"]) in TEXTS
        return [(node, places)] if kept else []
    if function_of(node) not in ("*", *SUMS):
        return [each for choice in chosen_from(node) for each in _reckoned_from(text, choice, places)]
    made = [_reckoned_from(text, each["expression"], places) for each in node["arguments"]]
    if function_of(node) == "*" and (factors := sum(map(bool, made))) > 1:
        made = [[(cast, had // factors) for cast, had in each] for each in made]
    return [each for argument in made for each in argument]


def chosen_from(node: dict[str, Any]) -> list[dict[str, Any]]:
    """What the node gives one of."""
    if node["class"] == "CASE":
        return [*(check["then_expr"] for check in node["case_checks"]), node["else_expr"]]
    if node.get("type") == "OPERATOR_COALESCE":
        return list(node["children"])
    name = function_of(node)
    return [each["expression"] for each in node["arguments"][name == "if" :]] if name in CHOICES else []


def _compared(node: dict[str, Any]) -> list[dict[str, Any]]:
    """What the node compares with each other."""
    if node["class"] in ("COMPARISON", "BETWEEN"):
        return [node[part] for part in ("left", "right", "input", "lower", "upper") if part in node]
    return list(node["children"]) if node.get("type") == "COMPARE_IN" else []


def _over(text: str, **given: dict[str, Any]) -> dict[str, Any]:
    """An expression, with others in the place of its columns."""
    tree = tree_of(text)
    for node in list(nodes_of(tree)):
        if name := column_of(node):
            _put(node, json.loads(json.dumps(given[name])))
    return tree


def _put(node: dict[str, Any], other: dict[str, Any]) -> None:
    node.clear()
    node.update(other)


def _not_rounded(places: int) -> str:
    """A pattern of the numbers that a type with so many decimals can hold, but for their size."""
    point = "([.][0-9]{{0,{}}}0*)?".format
    if places < MOST_PLACES:
        return rf"^\s*[+-]?[0-9]*{point(places)}\s*$"
    lower = "|".join(f"{point(MOST_PLACES - power)}[eE]-0*{power}" for power in range(1, MOST_PLACES + 1))
    return rf"^\s*[+-]?([0-9]*({point(MOST_PLACES)}([eE]([+]?[0-9]+|-0+))?|{lower})|0+([.]0*)?[eE]-[0-9]+)\s*$"


def _places(kind: dict[str, Any]) -> int | None:
    """How many decimals a type keeps; None of a type that is no exact number."""
    if kind["type_name"].upper() in WHOLE:
        return 0
    if kind["type_name"].upper() not in ("DECIMAL", "NUMERIC"):
        return None
    sizes = [int(size["literal"]["text"]) for size in kind["children"]]
    return (sizes[1] if len(sizes) > 1 else 0) if sizes else 3

"""An expression of SQL as DuckDB's own parser has it: nodes, their types and text. Not here: what may stand in it."""

import hashlib
import json
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

_NOTHING_ELSE = ("where_clause", "having", "sample", "qualify", "modifiers", "group_expressions", "group_sets")

_QUOTES = '; a column whose name is a word of SQL too, such as at, order or end, stands in double quotes: "at"'


class ExpressionError(ValueError):
    """The text is no expression that a mapping may have; the message says why."""


def tree_of(text: str) -> dict[str, Any]:
    """The one expression of the text. Raises ExpressionError."""
    if not text.strip():
        raise ExpressionError("cannot be read: it is empty")
    parsed = json.loads(_parsed(text))
    if parsed["error"]:
        raise ExpressionError(f"cannot be read: {parsed['error_message']}{_QUOTES}")
    statements = parsed["statements"]
    select = statements[0]["node"]
    plain = (
        len(statements) == 1
        and select["type"] == "SELECT_NODE"
        and len(select["select_list"]) == 1
        and select["from_table"]["type"] == "EMPTY"
        and not select["cte_map"]["map"]
        and not any(select.get(part) for part in _NOTHING_ELSE)
    )
    if not plain:
        raise ExpressionError("must be one expression, such as upper(kind), and nothing else")
    tree: dict[str, Any] = select["select_list"][0]
    return tree


def nodes_of(tree: Any) -> Iterator[dict[str, Any]]:
    """All nodes of a part of a tree, each before those that it is made of."""
    if isinstance(tree, dict):
        if "class" in tree:
            yield tree
        for value in tree.values():
            yield from nodes_of(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from nodes_of(value)


def columns_of_sql(text: str) -> tuple[str, ...]:
    """The names of the columns that the expression reads, in JSON their paths."""
    return tuple(dict.fromkeys(name for node in nodes_of(tree_of(text)) if (name := column_of(node))))


def type_of(text: str, node: dict[str, Any]) -> str:
    """DuckDB's type of a part of the expression, whose columns are texts. Raises ExpressionError where it has none."""
    names = columns_of_sql(text)
    columns = ", ".join([f"null::varchar as {mark_of(text, place)}" for place in range(len(names))] or ["1 as nothing"])
    try:
        row = _duck().execute(f"describe select {spelled(text, node)} from (select {columns})").fetchone()  # noqa: S608
    except Exception as error:  # whatever DuckDB says of it
        raise ExpressionError(f"cannot be worked out: {str(error).splitlines()[0]}") from None
    return str(row[1]) if row else ""


def spelled(text: str, node: dict[str, Any], *, plain: bool = False) -> str:
    """The SQL of a part of the expression, its columns marked, or as they are."""
    document = json.loads(_parsed(text))
    names = columns_of_sql(text)
    marked = json.loads(json.dumps(node))
    for each in nodes_of(marked) if not plain else ():
        if name := column_of(each):
            each["column_names"] = [mark_of(text, names.index(name))]
    document["statements"][0]["node"]["select_list"] = [marked]
    row = _duck().execute("select json_deserialize_sql(?::json)", [json.dumps(document)]).fetchone()
    return str(row[0]).removeprefix("SELECT ") if row else ""


def function_of(node: dict[str, Any]) -> str | None:
    """The name of the function that the node calls."""
    return str(node["function_name"]).lower() if node["class"] == "FUNCTION" else None


def taken_from(node: dict[str, Any]) -> dict[str, Any] | None:
    """What the node takes an element from, be it written as `v[1]` or as `list_extract(v, 1)`."""
    if node["type"] == "ARRAY_EXTRACT":
        return dict(node["children"][0])
    if function_of(node) in ("array_extract", "list_extract"):
        return dict(node["arguments"][0]["expression"])
    return None


def column_of(node: dict[str, Any]) -> str | None:
    """The name of the column that the node is, in JSON its path."""
    return ".".join(node["column_names"]) if node["class"] == "COLUMN_REF" else None


def mark_of(text: str, place: int) -> str:
    """What stands for a column in the SQL of the expression: a name that is nowhere in its text."""
    return f"c{hashlib.sha256(text.encode()).hexdigest()[:12]}_{place}_"


@lru_cache(maxsize=256)
def _parsed(text: str) -> str:
    row = _duck().execute("select json_serialize_sql(?::varchar)", [f"select ({text}\n)"]).fetchone()
    return str(row[0]) if row else ""


@lru_cache(maxsize=1)
def _duck() -> "duckdb.DuckDBPyConnection":
    """A DuckDB that parses, and can reach nothing."""
    import duckdb  # noqa: PLC0415 - who only looks at a mapping without SQL would wait for it

    return duckdb.connect(config={"enable_external_access": "false", "lock_configuration": "true", "threads": "1"})

"""One SQL expression of a mapping: what may stand in it, and what it is over a file's columns. Not where it stands.

Only an expression is allowed, of names of columns, literals, and functions that are known to be pure: the same row must
give the same value whenever it is read. It is taken apart by DuckDB's own parser, so nothing is guessed from its text.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from flybill_pipeline.stores.files.close_names import did_you_mean

if TYPE_CHECKING:
    import duckdb

CLASSES = frozenset(
    ["FUNCTION", "COLUMN_REF", "CONSTANT", "CASE", "CAST", "COMPARISON", "CONJUNCTION", "OPERATOR", "BETWEEN", "TYPE"]
)
FUNCTIONS = frozenset(
    """+ - * / // % || ~~ !~~ ~~* !~~* abs sign floor ceil round trunc greatest least mod
    lower upper trim ltrim rtrim length left right substring substr replace reverse repeat lpad rpad split_part
    string_split concat concat_ws contains starts_with ends_with prefix suffix position strpos instr chr ascii md5
    sha256 regexp_matches regexp_full_match regexp_extract regexp_extract_all regexp_replace translate url_decode
    string_split_regex regexp_split_to_array
    coalesce nullif ifnull if array_extract list_extract list_contains len list_value
    json_extract json_extract_string json_value json_keys json_array_length json_valid -> ->>
    strptime try_strptime strftime make_timestamp make_date epoch_ms epoch_us date_trunc date_diff date_add date_part
    year month day hour minute second last_day timezone to_seconds to_minutes to_hours to_days""".split()  # noqa: SIM905
)
THROUGH_FLOATS = frozenset(["json_extract", "json_extract_string", "json_value", "->", "->>"])
"""They give text, but a number in JSON has been a double before."""
TYPES = frozenset(
    """VARCHAR BOOLEAN TINYINT SMALLINT INTEGER BIGINT HUGEINT DECIMAL DATE TIME TIMESTAMP JSON INTERVAL DOUBLE FLOAT
    INT INT4 INT8 LONG TEXT STRING NUMERIC BOOL""".split()  # noqa: SIM905
) | {"TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ"}
FLOATS = ("DOUBLE", "FLOAT")
WHOLE = frozenset(["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "INT", "INT4", "INT8", "LONG"])
MOST_PLACES = 18
_NOTHING_ELSE = ("where_clause", "having", "sample", "qualify", "modifiers", "group_expressions", "group_sets")


class _ExpressionError(ValueError):
    """The text is no expression that a mapping may have; the message says why."""


def fault_of_sql(text: str, *, exact: bool) -> str | None:
    """What is wrong with the expression, in words; None when it may be used. An `exact` one has no binary float."""
    try:
        tree = _tree(text)
        for node in _nodes(tree):
            _require_allowed(node, exact=exact)
        _require_types(text, tree, exact=exact)
    except _ExpressionError as error:
        return str(error)
    return None


def fault_of_condition(text: str) -> str | None:
    """What is wrong with the expression as a condition; None when it may be used as one."""
    fault = fault_of_sql(text, exact=False)
    if fault is None and (kind := _type(text, _tree(text))) != "BOOLEAN":
        return f"must be true or false, such as status = '200', and is {kind}"
    return fault


def gives_text(text: str) -> bool:
    """Whether the expression gives a text as the file has it, and no number that was worked out."""
    return _type(text, _tree(text)) == "VARCHAR"


def columns_of_sql(text: str) -> tuple[str, ...]:
    """The names of the columns that the expression reads, in JSON their paths."""
    return tuple(dict.fromkeys(name for node in _nodes(_tree(text)) if (name := _column(node))))


def sql_over(text: str, column: Callable[[str], str], *, exact: bool = False) -> str:
    """The expression as SQL for a text, NULL where it cannot be worked out; `column` gives each column as SQL.

    In an `exact` one a cast of a text does not round: where it would, nothing can be worked out.
    """
    sql = _exactly(text) if exact else _spelled(text, _tree(text))
    for place, name in enumerate(columns_of_sql(text)):
        sql = sql.replace(_mark(text, place), f"({column(name)})")
    return f"cast(try({sql}) as varchar)"


@lru_cache(maxsize=256)
def _parsed(text: str) -> str:
    row = _duck().execute("select json_serialize_sql(?::varchar)", [f"select ({text}\n)"]).fetchone()
    return str(row[0]) if row else ""


def _tree(text: str) -> dict[str, Any]:
    """The one expression of the text. Raises _ExpressionError."""
    if not text.strip():
        raise _ExpressionError("cannot be read: it is empty")
    parsed = json.loads(_parsed(text))
    if parsed["error"]:
        raise _ExpressionError(f"cannot be read: {parsed['error_message']}")
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
        raise _ExpressionError("must be one expression, such as upper(kind), and nothing else")
    tree: dict[str, Any] = select["select_list"][0]
    return tree


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        if "class" in tree:
            yield tree
        for value in tree.values():
            yield from _nodes(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _nodes(value)


def _require_allowed(node: dict[str, Any], *, exact: bool) -> None:
    kind = node["class"]
    if kind not in CLASSES:
        raise _ExpressionError(f"{kind.lower().replace('_', ' ')} is not allowed in it")
    if kind == "TYPE" and node["type_name"].upper() not in TYPES:
        raise _ExpressionError(f"the type {node['type_name'].upper()!r} is not allowed in it")
    if kind != "FUNCTION":
        return
    name = node["function_name"].lower()
    if name not in FUNCTIONS or node.get("schema") or node.get("filter") or node.get("distinct"):
        raise _ExpressionError(f"the function {name!r} is not allowed in it{did_you_mean(name, FUNCTIONS)}")
    if exact and name in THROUGH_FLOATS:
        raise _ExpressionError(f"the function {name!r} is not exact: say `json` beside a column")


def _require_types(text: str, tree: dict[str, Any], *, exact: bool) -> None:
    """Raises _ExpressionError where DuckDB would not take it, or where a part of it is a binary float."""
    for node in _nodes(tree) if exact else [tree]:
        if node["class"] != "TYPE" and _type(text, node) in FLOATS and exact:
            raise _ExpressionError(
                f"{_spelled(text, node, plain=True)} is a binary float, which is not exact: cast to decimal, and use"
                " times, divide_by and round of the mapping instead of a division"
            )


def _type(text: str, node: dict[str, Any]) -> str:
    names = columns_of_sql(text)
    columns = ", ".join([f"null::varchar as {_mark(text, place)}" for place in range(len(names))] or ["1 as nothing"])
    try:
        row = _duck().execute(f"describe select {_spelled(text, node)} from (select {columns})").fetchone()  # noqa: S608
    except Exception as error:  # whatever DuckDB says of it
        raise _ExpressionError(f"cannot be worked out: {str(error).splitlines()[0]}") from None
    return str(row[1]) if row else ""


def _spelled(text: str, node: dict[str, Any], *, plain: bool = False) -> str:
    """The SQL of a part of the expression, its columns marked, or as they are."""
    document = json.loads(_parsed(text))
    names = columns_of_sql(text)
    marked = json.loads(json.dumps(node))
    for each in _nodes(marked) if not plain else ():
        if name := _column(each):
            each["column_names"] = [_mark(text, names.index(name))]
    document["statements"][0]["node"]["select_list"] = [marked]
    row = _duck().execute("select json_deserialize_sql(?::json)", [json.dumps(document)]).fetchone()
    return str(row[0]).removeprefix("SELECT ") if row else ""


@lru_cache(maxsize=256)
def _exactly(text: str) -> str:
    """The SQL of the expression, in which what a cast would round is no number before it comes there."""
    tree = _tree(text)
    for node in [node for node in _nodes(tree) if node["class"] == "CAST"]:
        places = _places(node["type_expr"])
        if places is not None and _type(text, node["child"]) == "VARCHAR":
            power = "([eE][+-]?[0-9]+)?" if places >= MOST_PLACES else ""
            whole = _tree(f"regexp_extract(x, '^ *[+-]?[0-9]*([.][0-9]{{0,{places}}}0*)?{power} *$')")
            whole["arguments"][0]["expression"], node["child"] = node["child"], whole
    return _spelled(text, tree)


def _places(kind: dict[str, Any]) -> int | None:
    """How many decimals a type keeps; None of a type that is no exact number."""
    if kind["type_name"].upper() in WHOLE:
        return 0
    if kind["type_name"].upper() not in ("DECIMAL", "NUMERIC"):
        return None
    sizes = [int(size["literal"]["text"]) for size in kind["children"]]
    return (sizes[1] if len(sizes) > 1 else 0) if sizes else 3


def _column(node: dict[str, Any]) -> str | None:
    return ".".join(node["column_names"]) if node["class"] == "COLUMN_REF" else None


def _mark(text: str, place: int) -> str:
    """A name that stands nowhere in the text itself."""
    return f"c{hashlib.sha256(text.encode()).hexdigest()[:12]}_{place}_"


@lru_cache(maxsize=1)
def _duck() -> "duckdb.DuckDBPyConnection":
    """A DuckDB that parses, and can reach nothing."""
    import duckdb  # noqa: PLC0415 - who only looks at a mapping without SQL would wait for it

    return duckdb.connect(config={"enable_external_access": "false", "lock_configuration": "true", "threads": "1"})

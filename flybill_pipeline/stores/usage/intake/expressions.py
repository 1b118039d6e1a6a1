"""One SQL expression of a mapping: what may stand in it, and what it is over a file's columns. Not where it stands.

Only an expression is allowed, of names of columns, literals, and functions that are known to be pure: the same row must
give the same value whenever it is read. It is taken apart by DuckDB's own parser, so nothing is guessed from its text.
"""

import hashlib
import json
import re
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
CHOICES = frozenset(["if", "greatest", "least", "list_value"])
"""Functions that give one of their arguments: DuckDB brings all of these to one type."""
WHOLE = frozenset(["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "INT", "INT4", "INT8", "LONG"])
TEXTS = ("VARCHAR", "JSON")
MOST_PLACES = 18
WIDEST = f"decimal(38, {MOST_PLACES})"
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

    A text that is compared with a number is that number, and not rounded. In an `exact` expression a cast of a text
    does not round either: where it would, nothing can be worked out.
    """
    sql = _unrounded(text, exact=exact)
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
    for node in _nodes(tree) if exact else ():
        if (chosen := _chosen_from(node)) and max(_scale(text, each) for each in chosen) > _scale(text, node):
            raise _ExpressionError(
                f"{_spelled(text, node, plain=True)} is rounded to {_scale(text, node)} decimals: cast each that it"
                f" chooses from to {WIDEST}"
            )


def _chosen_from(node: dict[str, Any]) -> list[dict[str, Any]]:
    """What the node gives one of."""
    if node["class"] == "CASE":
        return [*(check["then_expr"] for check in node["case_checks"]), node["else_expr"]]
    if node.get("type") == "OPERATOR_COALESCE":
        return list(node["children"])
    name = _function(node)
    return [each["expression"] for each in node["arguments"][name == "if" :]] if name in CHOICES else []


def _scale(text: str, node: dict[str, Any]) -> int:
    """How many decimals the values of a part of the expression have."""
    found = re.match(r"DECIMAL\([0-9]+,([0-9]+)\)", _type(text, node))
    return int(found[1]) if found else 0


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
def _unrounded(text: str, *, exact: bool) -> str:
    """The SQL of the expression, in which what DuckDB would round is compared as it is, or no number where `exact`."""
    tree = _tree(text)
    for node in _from_within(tree):
        if _function(node) == "nullif":
            one, other = (each["expression"] for each in node["arguments"])
            _put(node, _over("case when x = y then null else x end", x=one, y=other))
    for node in _from_within(tree):
        _compare_as_they_are(text, node)
    for node in _from_within(tree) if exact else ():
        if node["class"] == "CAST" and (places := _places(node["type_expr"])) is not None:
            child = node["child"]
            if _type(text, child) in TEXTS:
                node["child"] = _over(f"regexp_extract(x, '{_not_rounded(places)}')", x=child)
    return _spelled(text, tree)


def _from_within(tree: dict[str, Any]) -> list[dict[str, Any]]:
    """The nodes, each after those that it is made of: where one is put into another one, it is done."""
    return list(_nodes(tree))[::-1]


def _compare_as_they_are(text: str, node: dict[str, Any]) -> None:
    """DuckDB makes a text the other side's kind of number before it compares them: of '0.4' and 0 it makes 0 and 0."""
    compared = _compared(node)
    kinds = [_type(text, each) for each in compared]
    if "HUGEINT" in kinds or not any(kind in WHOLE or kind.startswith("DECIMAL") for kind in kinds):
        return
    for each, kind in zip(compared, kinds, strict=True):
        if kind in TEXTS:
            _put(each, _over(f"cast(x as {WIDEST})", x=dict(each)))
        elif each["class"] == "CAST" and _type(text, each["child"]) in TEXTS:
            each["type_expr"] = _tree(f"cast(x as {WIDEST})")["type_expr"]


def _compared(node: dict[str, Any]) -> list[dict[str, Any]]:
    """What the node compares with each other."""
    if node["class"] in ("COMPARISON", "BETWEEN"):
        return [node[part] for part in ("left", "right", "input", "lower", "upper") if part in node]
    return list(node["children"]) if node.get("type") == "COMPARE_IN" else []


def _over(text: str, **given: dict[str, Any]) -> dict[str, Any]:
    """An expression, with others in the place of its columns."""
    tree = _tree(text)
    for node in list(_nodes(tree)):
        if name := _column(node):
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


def _function(node: dict[str, Any]) -> str | None:
    return str(node["function_name"]).lower() if node["class"] == "FUNCTION" else None


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

"""One SQL expression of a mapping: what may stand in it, and what it is over a file's columns. Not where it stands.

Only an expression is allowed, of names of columns, literals, and functions that are known to be pure: the same row must
give the same value whenever it is read. It is taken apart by DuckDB's own parser, so nothing is guessed from its text.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from flybill_pipeline.stores.files.close_names import did_you_mean
from flybill_pipeline.stores.usage.intake.lossless import WIDEST, chosen_from, lossless
from flybill_pipeline.stores.usage.intake.parsed_sql import (
    ExpressionError,
    column_of,
    columns_of_sql,
    function_of,
    mark_of,
    nodes_of,
    spelled,
    taken_from,
    tree_of,
    type_of,
)

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
NEVER_FAIL = frozenset(
    """|| ~~ !~~ ~~* !~~* lower upper trim ltrim rtrim length left right substring substr replace reverse split_part
    concat concat_ws contains starts_with ends_with prefix suffix position strpos instr regexp_matches
    regexp_full_match regexp_extract regexp_replace""".split()  # noqa: SIM905
)
"""Functions that have a value for any text."""


def fault_of_sql(text: str, *, exact: bool) -> str | None:
    """What is wrong with the expression, in words; None when it may be used. An `exact` one has no binary float."""
    try:
        tree = tree_of(text)
        for node in nodes_of(tree):
            _require_allowed(node, exact=exact)
            _require_list(text, node)
        _require_types(text, tree, exact=exact)
    except ExpressionError as error:
        return str(error)
    return None


def fault_of_condition(text: str) -> str | None:
    """What is wrong with the expression as a condition; None when it may be used as one."""
    fault = fault_of_sql(text, exact=False)
    if fault is None and (kind := type_of(text, tree_of(text))) != "BOOLEAN":
        return f"must be true or false, such as status = '200', and is {kind}"
    return fault


def gives_text(text: str) -> bool:
    """Whether the expression gives a text as the file has it, and no number that was worked out."""
    return type_of(text, tree_of(text)) == "VARCHAR"


def sql_over(text: str, column: Callable[[str], str], *, exact: bool = False) -> str:
    """The expression as SQL for a text, NULL where it cannot be worked out; `column` gives each column as SQL.

    A text that is compared with a number is that number, and not rounded. In an `exact` expression a cast of a text
    does not round either: where it would, nothing can be worked out. So it is with a cast that would drop a zone.
    """
    sql, names = lossless(text, exact=exact), columns_of_sql(text)
    given = [f"({column(name)})" for name in names]
    if names and _may_fail(text):
        return f"cast(try({_kept_together(sql, text, given)}) as varchar)"
    for place, value in enumerate(given):
        sql = sql.replace(mark_of(text, place), value)
    return f"cast(try({sql}) as varchar)"


def _may_fail(text: str) -> bool:
    """Whether a row may have values for which the expression cannot be worked out."""
    for node in nodes_of(tree_of(text)):
        name = function_of(node)
        if name is None:
            fails = node["class"] not in ("COLUMN_REF", "CONSTANT")
        else:  # a pattern that a row brings may be none
            patterns = nodes_of(node["arguments"][1:]) if name.startswith("regexp") else ()
            fails = name not in NEVER_FAIL or any(map(column_of, patterns))
        if fails:
            return True
    return False


def _kept_together(sql: str, text: str, given: Sequence[str]) -> str:
    """The expression as the body of a lambda, into which DuckDB does not look.

    What stands in two places it would work out first, for both, where no `try` is: a single bad row failed the file.
    """
    marks = [mark_of(text, place) for place in range(len(given))]
    if len(marks) == 1:
        return f"list_transform([{given[0]}::varchar], lambda {marks[0]}: {sql})[1]"
    whole = mark_of(text, len(given))
    for mark in marks:
        sql = sql.replace(mark, f"{whole}.{mark}")
    fields = ", ".join(f"{mark}: {value}::varchar" for mark, value in zip(marks, given, strict=True))
    return f"list_transform([{{{fields}}}], lambda {whole}: {sql})[1]"


def _require_allowed(node: dict[str, Any], *, exact: bool) -> None:
    kind = node["class"]
    if kind not in CLASSES:
        raise ExpressionError(f"{kind.lower().replace('_', ' ')} is not allowed in it")
    if kind == "TYPE" and node["type_name"].upper() not in TYPES:
        raise ExpressionError(f"the type {node['type_name'].upper()!r} is not allowed in it")
    if kind != "FUNCTION":
        return
    name = node["function_name"].lower()
    if name not in FUNCTIONS or node.get("schema") or node.get("filter") or node.get("distinct"):
        raise ExpressionError(f"the function {name!r} is not allowed in it{did_you_mean(name, FUNCTIONS)}")
    if exact and name in THROUGH_FLOATS:
        raise ExpressionError(f"the function {name!r} is not exact: say `json` beside `column` or `sql`")


def _require_list(text: str, node: dict[str, Any]) -> None:
    """Raises ExpressionError where an element is taken of a text, as which each column comes: that is a letter."""
    if (of := taken_from(node)) is not None and type_of(text, of) == "VARCHAR":
        raise ExpressionError(
            f"{spelled(text, node, plain=True)} is a letter of a text, and no element of a list: name the element by"
            ' its path, in JSON in double quotes as "v[0]", else by `json` beside the column; a letter is left or'
            " substring"
        )


def _require_types(text: str, tree: dict[str, Any], *, exact: bool) -> None:
    """Raises ExpressionError where DuckDB would not take it, or where a part of it is a binary float."""
    for node in nodes_of(tree) if exact else [tree]:
        if node["class"] != "TYPE" and type_of(text, node) in FLOATS and exact:
            raise ExpressionError(
                f"{spelled(text, node, plain=True)} is a binary float, which is not exact: cast to decimal, and use"
                " times, divide_by and round of the mapping instead of a division"
            )
    for node in nodes_of(tree) if exact else ():
        if (chosen := chosen_from(node)) and max(_scale(text, each) for each in chosen) > _scale(text, node):
            raise ExpressionError(
                f"{spelled(text, node, plain=True)} is rounded to {_scale(text, node)} decimals: cast each that it"
                f" chooses from to {WIDEST}"
            )


def _scale(text: str, node: dict[str, Any]) -> int:
    """How many decimals the values of a part of the expression have."""
    found = re.match(r"DECIMAL\([0-9]+,([0-9]+)\)", type_of(text, node))
    return int(found[1]) if found else 0

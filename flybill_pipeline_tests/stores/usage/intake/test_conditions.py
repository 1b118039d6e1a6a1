"""A condition over numbers in a text is true where it is true of the numbers as they stand: Decimal is the judge."""

import operator
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from flybill_pipeline.stores.usage.intake.expressions import fault_of_condition, sql_over
from flybill_pipeline_tests.worlds.effort import examples

TEXTS = ("0.4", "1.4", "2.5", "7.6", "-0.6", "3", "100", "0", "12.25")
Pair = tuple[str, str]


class Term(NamedTuple):
    """A part of an expression over the texts a and b, and what it is of two of them."""

    sql: str
    of: Callable[[Pair], Decimal]


def column(place: int, kind: str, form: str) -> Term:
    return Term(form.format("ab"[place], kind), lambda pair: Decimal(pair[place]))


def of_two(made: str, one: Term, other: Term) -> Term:
    first: dict[str, Callable[[Pair], Decimal]] = {
        "({0} + {1})": lambda pair: one.of(pair) + other.of(pair),
        "({0} - {1})": lambda pair: one.of(pair) - other.of(pair),
        "({0} * {1})": lambda pair: one.of(pair) * other.of(pair),
        "coalesce({0}, {1})": one.of,
        "case when a = b then {0} else {1} end": lambda pair: (one if pair[0] == pair[1] else other).of(pair),
        "greatest({0}, {1})": lambda pair: max(one.of(pair), other.of(pair)),
        "abs(-({0}))": lambda pair: abs(one.of(pair)),
    }
    return Term(made.format(one.sql, other.sql), first[made])


MADE = [
    *("({0} + {1})", "({0} - {1})", "({0} * {1})", "coalesce({0}, {1})", "greatest({0}, {1})", "abs(-({0}))"),
    "case when a = b then {0} else {1} end",
]
columns = st.builds(
    column,
    st.integers(0, 1),
    st.sampled_from(["int", "bigint", "decimal", "decimal(10, 2)"]),
    st.sampled_from(["{0}::{1}", "try_cast({0} as {1})"]),
)
numbers = st.sampled_from(["0", "1", "2.5", "7"]).map(lambda text: Term(text, lambda _: Decimal(text)))
terms = st.recursive(
    columns,
    lambda parts: st.builds(of_two, st.sampled_from(MADE), parts, parts | numbers),
    max_leaves=4,
)
signs = {">": operator.gt, "<": operator.lt, "=": operator.eq, "<>": operator.ne, ">=": operator.ge}


@settings(max_examples=examples(60), deadline=None)
@given(one=terms, sign=st.sampled_from(sorted(signs)), other=numbers | terms)
def test_a_condition_is_true_of_the_numbers_that_stand_there(one: Term, sign: str, other: Term) -> None:
    condition = f"{one.sql} {sign} {other.sql}"
    assert fault_of_condition(condition) is None
    pairs = [(a, b) for a in TEXTS for b in TEXTS]
    sql = sql_over(condition, lambda name: name)
    found = duckdb.execute(
        f"select {sql} from (select unnest(?) as a, unnest(?) as b)", [list(each) for each in zip(*pairs, strict=True)]
    )
    said = [value == "true" for (value,) in found.fetchall()]
    assert said == [signs[sign](one.of(pair), other.of(pair)) for pair in pairs]

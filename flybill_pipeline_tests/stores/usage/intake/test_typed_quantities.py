"""A quantity that is typed is one that usage files may hold, and the other way round: two readers, one answer."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flybill_pipeline.billing.usage.quantities import QuantityError, read_quantity
from flybill_pipeline.stores.files.duck import Limits, duck
from flybill_pipeline.stores.usage.intake.judging import TOO_LARGE
from flybill_pipeline.stores.usage.intake.values import NUMBER_MACROS
from flybill_pipeline_tests.stores.usage.intake.test_numbers import EXACT, REFUSED
from flybill_pipeline_tests.worlds.effort import examples

NO_NUMBERS = [
    "",
    " 5 ",
    "1_000",
    "1,000",
    "5%",
    "1\uff12",
    "\uff15",
    "\u22125",
    "0x10",
    "NaN",
    "inf",
    "1e",
    "e5",
    ".",
    "5\n",
    "1e99999",
]
HUGE = ["1e25", "1e400", "-1e9999", "1" * 5000, f"0.{'0' * 5000}1"]
ANY = st.one_of(
    st.text("0123456789.eE+-", max_size=40),
    st.from_regex(r"[+-]?[0-9]{0,25}\.?[0-9]{0,25}([eE][+-]?[0-9]{1,4})?", fullmatch=True),
    st.text(max_size=10),
)


@pytest.fixture(scope="module")
def intake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    with duck(Path(tmp_path_factory.mktemp("spill")), Limits(), NUMBER_MACROS) as connection:
        yield connection


def taken(intake: duckdb.DuckDBPyConnection, text: str) -> Decimal | None:
    """What the intake makes of a text; None: quarantine."""
    judged = f"if(q < {TOO_LARGE} and q > -{TOO_LARGE}, q, null)"
    row = intake.execute(f"select {judged} from (select quantity_of($1) as q)", [text]).fetchone()
    assert row is not None
    return None if row[0] is None else Decimal(row[0])


def typed(text: str) -> Decimal | None:
    try:
        return read_quantity(text)
    except QuantityError:
        return None


@pytest.mark.parametrize("text", EXACT)
def test_what_files_may_hold_may_be_typed(text: str) -> None:
    assert read_quantity(text) == Decimal(text)


@pytest.mark.parametrize("text", [*REFUSED, *NO_NUMBERS, *HUGE])
def test_what_files_may_not_hold_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(QuantityError, match=r"is not a number|more than 18 decimals|is 1e15 or more"):
        read_quantity(text)


@settings(max_examples=examples(500), deadline=None)
@given(text=ANY)
@example(text="0e9999")
@example(text="00012")
@example(text="+5")
@example(text="5.")
@example(text=".5")
def test_both_take_the_same_texts_and_read_the_same_number(intake: duckdb.DuckDBPyConnection, text: str) -> None:
    if "\0" not in text and text.isprintable():
        assert typed(text) == taken(intake, text)

"""What can be kept stays as it is; what cannot is shown by a text that can, and has a name of its own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.billing.usage.texts import (
    LONGEST_KEY_BYTES,
    NUL,
    fault_of_text,
    fault_of_words,
    name_to_keep,
    without_nul,
)


@given(text=st.text(), other=st.text())
def test_a_name_is_kept_or_shown_and_no_two_are_the_same(text: str, other: str) -> None:
    kept = name_to_keep(text)
    assert NUL not in kept and len(kept.encode()) <= LONGEST_KEY_BYTES
    assert (kept == text) == (NUL not in text)
    assert (kept == name_to_keep(other)) == (text == other)


def test_a_long_name_is_shown_by_its_beginning() -> None:
    shown, other = name_to_keep("漢" * 3000), name_to_keep("漢" * 3001)
    assert shown != other
    assert shown.startswith("漢" * 200) and len(shown.encode()) < LONGEST_KEY_BYTES


def test_a_nul_is_shown_and_a_text_without_one_is_the_same() -> None:
    assert (without_nul("a\0b"), without_nul("ab")) == ("a␀b", "ab")


@pytest.mark.parametrize(("text", "says"), [("a\0", "NUL"), ("\ud800", "half of a character"), ("xxxx", "4 char")])
def test_what_is_wrong_with_a_text_is_told_with_the_remedy(text: str, says: str) -> None:
    assert says in str(fault_of_text("name", text, 3))
    assert fault_of_text("name", "xxx", 3) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [("a\tb", "U+0009"), ("a\x1b[31m", "U+001B"), ("a\u202eb", "U+202E"), ("a\0", "NUL"), ("xxxx", "4 char")],
)
def test_words_that_people_read_print_and_are_short(text: str, says: str) -> None:
    assert says in str(fault_of_words("name", text, 3))


@pytest.mark.parametrize("text", ["Bandbreite · ä", "帯域", "👩\u200d💻", "क\u200cक"])
def test_words_of_every_script_may_be_read(text: str) -> None:
    assert fault_of_words("name", text, 20) is None

"""What can be kept stays as it is; what cannot is shown by a text that can, and is cut between characters only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.billing.usage.texts import LONGEST_KEY_BYTES, NUL, cut, fault_of_text, name_to_keep, without_nul

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
WAVE = "\U0001f44b\U0001f3fd"
ACCENT = "e\u0301"


@pytest.mark.parametrize("whole", [FAMILY, WAVE, ACCENT, "\u2764\ufe0f", "\u0e01\u0e34"])
def test_a_text_is_cut_between_what_is_seen_as_one_character(whole: str) -> None:
    text = f"ab{whole}cd"
    assert {cut(text, longest) for longest in range(2, 2 + len(whole))} == {"ab"}
    assert cut(text, 2 + len(whole)) == f"ab{whole}"
    assert cut(text, len(text)) == text


@given(text=st.text(), longest=st.integers(1, 20))
def test_a_cut_text_is_its_beginning_and_never_empty(text: str, longest: int) -> None:
    assert text.startswith(cut(text, longest))
    assert len(cut(text, longest)) <= longest
    assert bool(cut(text, longest)) == bool(text)


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

"""A text is cut between what people see as characters, in any script."""

from collections.abc import Sequence
from itertools import accumulate

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from flybill_pipeline.billing.usage.graphemes import ELLIPSIS, cut, cut_short
from flybill_pipeline_tests.worlds.effort import examples

CHARACTERS = [
    *("a", "é", "ß", "漢", "字", "Я", "ع", "가", "あ", " ", "😀", "·"),
    "e\u0301\u0323",
    "\u2764\ufe0f",
    "\U0001f44b\U0001f3fd",  # a hand with a tone
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",  # a family
    "\U0001f3f3\ufe0f\u200d\U0001f308",
    "\U0001f1e9\U0001f1ea",  # a flag is two halves
    "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",  # one of a region, seven
    "1\ufe0f\u20e3",
    "\u1112\u1161\u11ab",  # Hangul by its parts
    "\uac00\u11a8",
    "क्षि",
    "ক্ষ",
    "నీ",
    "ก็",
    "ကြီ",
    "\u0600\u0661",  # a sign of numbers stands before them
    "ｶ\uff9e",
    "\r\n",
]
"""One each, by Unicode's own breaks."""
PIECES = st.sampled_from([*CHARACTERS, *(point for each in CHARACTERS for point in each)]) | st.characters()


@given(seen=st.lists(st.sampled_from(CHARACTERS), min_size=1), longest=st.integers(1, 40))
def test_a_text_is_cut_between_what_is_seen_as_one_character(seen: Sequence[str], longest: int) -> None:
    shown = cut("".join(seen), longest)
    ends = {0, *accumulate(len(each) for each in seen)}
    assert len(shown) in ends or longest < max(map(len, seen))
    assert "".join(seen).startswith(shown) and len(shown) <= longest


@settings(max_examples=examples(400))
@given(text=st.lists(PIECES, min_size=2, max_size=8).map("".join), longest=st.integers(1, 20))
def test_no_cut_falls_within_a_cluster_of_the_library_that_knows_unicodes_tables(text: str, longest: int) -> None:
    """But where the first cluster is longer than what may be left, or nothing before it is surely an end."""
    ends = {0, *accumulate(len(cluster) for cluster in regex.findall(r"\X", text))}
    assert len(cut(text, longest)) in {*ends, longest}
    assert len(cut(f"ab {text}", longest + 3)) - 3 in {*ends, -1, -2}


@pytest.mark.parametrize("whole", CHARACTERS)
def test_nothing_more_is_cut_than_one_character(whole: str) -> None:
    text = f"ab{whole}cd"
    assert {cut(text, longest) for longest in range(2, 2 + len(whole))} == {"ab"}
    assert cut(text, 2 + len(whole)) in (f"ab{whole}", "ab")
    assert cut(text, len(text)) == text


@pytest.mark.parametrize("text", ["plain words", "漢字かな", "Ярлык", "🇩🇪🇫🇷🇯🇵"])
def test_of_plain_text_as_much_is_left_as_fits(text: str) -> None:
    assert cut(text, 4) == text[:4]


@given(text=st.text(), longest=st.integers(1, 20))
def test_a_cut_text_is_its_beginning_and_never_empty(text: str, longest: int) -> None:
    assert text.startswith(cut(text, longest))
    assert len(cut(text, longest)) <= longest
    assert bool(cut(text, longest)) == bool(text)


@given(text=st.text(), longest=st.integers(2, 20))
def test_what_is_cut_short_says_so(text: str, longest: int) -> None:
    shown = cut_short(text, longest)
    assert len(shown) <= longest
    assert shown == text if len(text) <= longest else shown.endswith(ELLIPSIS)

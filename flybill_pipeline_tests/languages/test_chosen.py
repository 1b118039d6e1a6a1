"""The language that a reader gets: one of ours, whatever a browser asks for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.billing.words.english import ENGLISH
from flybill_pipeline.languages.chosen import accepted, language


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", None),
        ("de", "de"),
        ("de-CH, fr;q=0.9, en;q=0.8", "de"),
        ("fr, en;q=0.5, de;q=0.7", "de"),
        ("en-GB,de;q=0.999", "en"),
        ("DE ; q = 0.3", "de"),
        ("de;q=0, en;q=0.1", "en"),
        ("de;q=x", None),
        ("*", None),
    ],
)
def test_the_best_liked_of_ours(header: str, code: str | None) -> None:
    assert accepted(header) == code


@given(st.text())
def test_any_header_is_answered(header: str) -> None:
    assert language(accepted(header)).code in ("en", "de")


def test_a_language_that_we_do_not_have_is_english() -> None:
    assert language("tlh") is language(None) is ENGLISH

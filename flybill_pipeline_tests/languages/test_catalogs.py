"""Catalogs agree with the code: each text that customers read is translated, and nothing that is gone is kept."""

from string import Formatter

import pytest

from flybill_pipeline.billing.words.languages import LANGUAGES
from flybill_pipeline.billing.words.sentence import say
from flybill_pipeline.billing.words.statement import statement
from flybill_pipeline.languages.catalog import read
from flybill_pipeline.languages.chosen import language
from flybill_pipeline_tests.billing.words.test_states import INTERNAL, facts
from flybill_pipeline_tests.languages.texts import PACKAGE, written

TRANSLATED = [code for code in LANGUAGES if code != "en"]
MONTHS = {"de": "Oktober 2026"}


def places(text: str) -> set[str]:
    """The names of a text's places; none has a form of its own, as its value has one."""
    parts = [part[1:] for part in Formatter().parse(text) if part[1] is not None]
    assert all(form == "" and conversion is None for _, form, conversion in parts), text
    return {str(name) for name, _, _ in parts}


def test_each_language_has_a_catalog_and_each_catalog_a_language() -> None:
    assert {file.stem for file in (PACKAGE / "languages").glob("*.po")} == set(TRANSLATED)


@pytest.mark.parametrize("code", TRANSLATED)
def test_a_catalog_has_the_texts_of_today_and_no_others(code: str) -> None:
    assert (PACKAGE / "languages" / f"{code}.po").read_bytes() == written(code), "run `make texts`, then translate"


@pytest.mark.parametrize("code", TRANSLATED)
def test_each_text_is_translated_with_the_same_places(code: str) -> None:
    for message in read(code):
        if not message.id:
            continue
        ours = (message.id,) if isinstance(message.id, str) else message.id
        theirs = (message.string,) if isinstance(message.string, str) else message.string
        for text in theirs or ("",):
            assert text and not message.fuzzy, ours
            assert places(text) == places(ours[-1]), ours
            assert (text[-1] == ".") is (ours[-1][-1] == "."), ours


def test_no_text_says_charge() -> None:
    """It is a price to some readers, and a payment to others: an amount is billed, or asked for, or paid."""
    texts = [message.id if isinstance(message.id, str) else " ".join(message.id) for message in read(TRANSLATED[0])]
    assert len(texts) > 300
    assert [text for text in texts if "charge" in text.lower()] == []


@pytest.mark.parametrize("code", TRANSLATED)
def test_whatever_a_month_comes_to_is_said_in_the_language(code: str) -> None:
    reader = language(code)
    for known, now in facts():
        told = statement(known, now, 3)
        what = say(reader, *told.message)
        assert known.currency is None or MONTHS[code] in what
        for text in (what, say(reader, told.next_step)):
            assert not any(word in text for word in (*INTERNAL[:5], "$1", "invoice ", "2026-1")), text

"""What templates of statements may call: sentences, amounts, quantities, months and moments. Nothing is decided here.

A value is said in the language of the environment when it is put out. Every text is escaped, and what of it does not
print is written out. A name that nobody gives is an error.
"""

import re
from collections.abc import Callable
from datetime import UTC, date
from decimal import Decimal
from typing import Any, cast
from urllib.parse import quote

from jinja2 import BaseLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from flybill_pipeline.billing.alerts.plain import visible
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.words.breakdowns import breakdown_rows, heading
from flybill_pipeline.billing.words.changes import difference_words, name_words, rest_words, shown_first
from flybill_pipeline.billing.words.credits import NOTE_STATES
from flybill_pipeline.billing.words.english import ENGLISH
from flybill_pipeline.billing.words.languages import LANGUAGES
from flybill_pipeline.billing.words.lines import line_words, part_words, places_of
from flybill_pipeline.billing.words.outlook import forecast_words, why_words
from flybill_pipeline.billing.words.payments import payments_freshness
from flybill_pipeline.billing.words.sentence import (
    Exact,
    Language,
    Money,
    Quantity,
    Sentence,
    counted,
    said,
    say,
    shown,
)
from flybill_pipeline.billing.words.working import step_words
from flybill_pipeline.exports.statement_json import note_day

UNBREAKABLE = "\u00a0"
PERCENT = re.compile(r"(?<=\d) %")


def templates() -> BaseLoader:
    """The templates of this package; `statement.html.j2` has the parts of a statement, for any page."""
    return PackageLoader("flybill_pipeline.exports")


def environment(loader: BaseLoader, language: Language) -> Environment:
    """An environment in which these templates work, and those that use them, in one language."""
    language = language if language is ENGLISH else cast("Language", _Unbroken(language))
    made = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown_in(language),
        auto_reload=False,  # a template of a newer version would meet the code of this one
    )
    made.globals.update(language=language, languages=LANGUAGES, said=said, counted=counted)
    made.filters.update(
        money=Money,
        counted_in=lambda quantity, unit: Quantity(quantity, unit or ""),
        day=lambda at: at.astimezone(UTC).date(),
        words=step_words,
        places=places_of,
        forecast=forecast_words,
        why=why_words,
        described=lambda line: line.description if language is ENGLISH else line_words(line),
        part_name=lambda part: part.name if language is ENGLISH else part_words(part),
        steps_shown=lambda line: _steps_shown(line, language),
        heading=heading,
        breakdown_rows=breakdown_rows,
        change_name=name_words,
        difference=difference_words,
        shown_first=shown_first,
        rest=rest_words,
        freshness=payments_freshness,
        reached_at=_reached_at,
        leading_to=_leading_to(language),
        note_day=note_day,
        note_state=lambda note: NOTE_STATES[note.state],
    )
    made.tests["web_address"] = _is_web_address
    return made


class _Unbroken:
    """A language whose amounts stay on one line: the sign of the currency is not parted from them."""

    def __init__(self, language: Language) -> None:
        self._language = language

    def __getattr__(self, name: str) -> Any:
        return getattr(self._language, name)

    def money(self, minor: int, currency: str) -> str:
        return self._language.money(minor, currency).replace(" ", UNBREAKABLE)

    def amount(self, amount: Decimal, currency: str) -> str:
        return self._language.amount(amount, currency).replace(" ", UNBREAKABLE)


_VALUES = (str, int, Decimal, date, Month, Money, Exact, Quantity, Sentence)


def _shown_in(language: Language) -> Callable[[Any], Any]:
    """How what a template puts out becomes text; markup of ours, such as a macro's, stays as it is."""

    def text(value: Any) -> Any:
        if isinstance(value, Markup):
            return value
        if isinstance(value, _VALUES):
            return _visible(shown(language, value))
        return _visible(say(language, *value)) if isinstance(value, tuple) else value

    return text


def _leading_to(language: Language) -> Callable[[Sentence, Sentence], Markup | str]:
    """How a sentence that names a `page` is put out: its address is a link with these words."""
    text = _shown_in(language)

    def linked(sentence: Sentence, words: Sentence) -> Markup | str:
        page = sentence.values.get("page")
        if not isinstance(page, str) or not _is_web_address(page):
            return str(text(sentence))
        before, _, after = str(text(sentence)).rpartition(_visible(page))
        link = Markup('<a href="{}" rel="noreferrer">{}</a>').format(page, text(words))
        return Markup("{}{}{}").format(before, link, after)

    return linked


def _visible(text: str) -> str:
    return PERCENT.sub(f"{UNBREAKABLE}%", UNBREAKABLE.join(map(visible, text.split(UNBREAKABLE))))


def _steps_shown(line: LineItem, language: Language) -> bool:
    """Whether the steps of a line say more than the line does: its own words have the price in English alone."""
    return len(line.working) > (1 if language is ENGLISH else 0)


def _reached_at(contact: str) -> str:
    """The address of the page, or of the mailbox, where questions are answered."""
    return contact if _is_web_address(contact) else f"mailto:{quote(contact, safe='@')}"


def _is_web_address(text: str) -> bool:
    """Whether it may be a link: what comes from outside could as well be `javascript:`."""
    return text.startswith(("https://", "http://"))

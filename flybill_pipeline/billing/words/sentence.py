"""A sentence as a value: a text of ours with named places, and what goes there. No state has its words here.

The English text is the sentence's name too: a translation is found by it. So a text is written out where it is used,
as the first argument of `said`, or the first two of `counted`, and never put together.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple, Protocol, TypeAlias, Union

from flybill_pipeline.billing.money.period import Month


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units."""

    minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class Exact:
    """An amount in major units that is not rounded, such as the price of a unit."""

    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Quantity:
    """So many of a unit."""

    number: Decimal
    unit: str


Value: TypeAlias = Union[str, int, Decimal, date, datetime, Money, Exact, Quantity, Month, "Sentence"]
"""What may stand in a sentence; a text of others is no sentence, and stays as it is."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """`text` has `{name}` where a value goes. `plural` is the text for other counts than one, of the value `count`."""

    text: str
    values: Mapping[str, Value] = field(default_factory=dict)
    plural: str | None = None

    def of(self, **values: Value) -> "Sentence":
        """The same with these values."""
        return replace(self, values={**self.values, **values})


Words: TypeAlias = tuple[Sentence, ...]
"""Sentences that are read one after the other; empty where there is nothing to say."""


class Told(NamedTuple):
    """What a state says: what happened, and what happens next or is to be done."""

    what: Sentence
    next: Sentence

    def of(self, **values: Value) -> "Told":
        """The same with these values."""
        return Told(self.what.of(**values), self.next.of(**values))


class Language(Protocol):
    """How things are said. Moments and days are UTC's, and moments say so."""

    @property
    def code(self) -> str:
        """As HTML has it, such as "en"."""

    def __hash__(self) -> int:
        """One object for each language: what is made for one can be kept."""

    def text(self, text: str) -> str:
        """A text of ours."""

    def plural(self, one: str, many: str, count: int) -> str:
        """A text of ours for so many."""

    def money(self, minor: int, currency: str) -> str:
        """An amount in minor units."""

    def amount(self, amount: Decimal, currency: str) -> str:
        """An amount in major units with all its digits."""

    def number(self, number: Decimal | int) -> str:
        """A number with all its digits."""

    def quantity(self, number: Decimal, unit: str) -> str:
        """So many of a unit."""

    def day(self, day: date) -> str:
        """A day."""

    def moment(self, moment: datetime) -> str:
        """A moment, to the minute."""

    def month(self, month: Month) -> str:
        """A month of a year."""


def said(text: str, /, **values: Value) -> Sentence:
    """A sentence with these values."""
    return Sentence(text, values)


def counted(one: str, many: str, /, *, count: int, **values: Value) -> Sentence:
    """A sentence that is another one for one and for many."""
    return Sentence(one, {"count": count, **values}, many)


def say(language: Language, *sentences: Sentence) -> str:
    """The sentences as text, one after the other."""
    return " ".join(_said(language, each) for each in sentences)


def _said(language: Language, sentence: Sentence) -> str:
    values = {name: shown(language, value) for name, value in sentence.values.items()}
    if sentence.plural is None:
        return language.text(sentence.text).format_map(values)
    count = sentence.values["count"]
    return language.plural(sentence.text, sentence.plural, int(str(count))).format_map(values)


def shown(language: Language, value: Value) -> str:
    """A value in words. What is put in is never read as a text with places again."""
    match value:
        case str():
            return value
        case Sentence():
            return _said(language, value)
        case Money(minor, currency):
            return language.money(minor, currency)
        case Exact(amount, currency):
            return language.amount(amount, currency)
        case Quantity(number, unit):
            return language.quantity(number, unit)
        case datetime():
            return language.moment(value)
        case date():
            return language.day(value)
        case int() | Decimal():
            return language.number(value)
        case Month():
            return language.month(value)

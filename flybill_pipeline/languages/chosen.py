"""Which language somebody reads: by its code, or by what a browser says that it accepts. What is said: not here."""

from functools import cache

from flybill_pipeline.billing.words.english import ENGLISH
from flybill_pipeline.billing.words.languages import LANGUAGES
from flybill_pipeline.billing.words.sentence import Language

LONGEST_HEADER = 1000
"""Of what a browser says that it accepts, in characters; more is not looked at."""


def language(code: str | None) -> Language:
    """The language of that code; English where none is said, or one that we do not have."""
    return ENGLISH if code is None or code == ENGLISH.code or code not in LANGUAGES else _made(code)


def accepted(header: str) -> str | None:
    """The language that an Accept-Language header likes best of ours; None where it names none of them."""
    liked = [_liking(each) for each in header[:LONGEST_HEADER].split(",")]
    ours = [(weight, code) for weight, code in liked if code in LANGUAGES and weight > 0]
    return max(ours, key=lambda each: each[0])[1] if ours else None


@cache
def _made(code: str) -> Language:
    from flybill_pipeline.languages.cldr import Cldr  # who reads English does not wait for Babel

    return Cldr(code)


def _liking(entry: str) -> tuple[int, str]:
    """How much, in thousandths, and which language: "de-CH;q=0.8" likes "de" with 800."""
    tag, _, parameter = entry.partition(";")
    name, _, weight = parameter.replace(" ", "").partition("=")
    code = tag.strip().lower().partition("-")[0]
    return (_thousandths(weight) if name.lower() == "q" else 1000), code


def _thousandths(weight: str) -> int:
    whole, _, part = weight.partition(".")
    digits = f"{whole}{part[:3].ljust(3, '0')}"
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= 4 else 0

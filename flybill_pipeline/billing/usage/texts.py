"""What an id, a meter's name or a dimension may be, so that whatever keeps it can: the one place of these limits.

Intake refuses rows beyond them. Usage that was taken in before there were limits is shown by a text that can be kept.
"""

import hashlib
from unicodedata import category

NUL = "\0"
NUL_SHOWN = "␀"
LONGEST_ID = 500
"""Characters of an organization's id, a meter or an event's id: as many as a value of Stripe's metadata has."""

LONGEST_DIMENSION = 4_000
"""Characters of a dimension's value. Generous: a customer who may choose one should not come to be billed nothing."""

LONGEST_SOURCE = 100
"""Characters of a source's id and name. With an event's id it is the key of a row that Postgres keeps."""

LONGEST_EMAIL, LONGEST_NAME = 512, 256
"""Characters of a customer's at Stripe, by its own description."""

LONGEST_CUSTOM_FIELD = 140
"""Characters of a custom field's value on an invoice at Stripe."""

LONGEST_KEY_BYTES = 2_600
"""Bytes of a text that Postgres can still keep in the key of a table, beside a month and a number."""

_SHOWN_CHARACTERS = 200
JOINER = "\u200d"
_CONTINUE = {JOINER, *map(chr, range(0x1F3FB, 0x1F400))}


def fault_of_text(name: str, text: str, longest: int = LONGEST_ID) -> str | None:
    """What is wrong with a text that a person wrote, in words with the remedy; None when it can be kept everywhere."""
    if NUL in text:
        return f"{name} holds a NUL character, which no database can keep: remove it"
    if not is_whole(text):
        return f"{name} holds half of a character (a lone surrogate): write the whole one"
    if len(text) > longest:
        return f"{name} has {len(text):,} characters, and {longest:,} is the most: shorten it"
    return None


def is_whole(text: str) -> bool:
    """Whether the text has whole characters only; a lone surrogate is none, and cannot be written down."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def without_nul(text: str) -> str:
    """`text` with each NUL, which Postgres refuses, as the sign that stands for it."""
    return text.replace(NUL, NUL_SHOWN)


def cut(text: str, longest: int) -> str:
    """The beginning of `text` of at most `longest` characters, without a part of what is seen as one character."""
    if len(text) <= longest:
        return text
    end = longest
    while end and (_continues(text[end]) or text[end - 1] == JOINER):
        end -= 1
    return text[: end or longest]


def _continues(character: str) -> bool:
    """Whether it belongs to the character before it: an accent, a joiner, a tone of skin, a choice of form."""
    return category(character) in ("Mn", "Me", "Mc") or character in _CONTINUE


def name_to_keep(org_id: str) -> str:
    """The id itself where a database can keep it; else what it begins with and a hash, so that no two are the same."""
    if NUL not in org_id and len(org_id.encode()) <= LONGEST_KEY_BYTES:
        return org_id
    digest = hashlib.sha256(org_id.encode()).hexdigest()[:12]
    return f"{without_nul(org_id[:_SHOWN_CHARACTERS])}…{digest}"

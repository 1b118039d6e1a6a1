"""What an id, a meter's name or a dimension may be, so that whatever keeps it can: the one place of these limits.

Intake refuses rows beyond them. Usage that was taken in before there were limits is shown by a text that can be kept.
"""

import hashlib

NUL = "\0"
NUL_SHOWN = "␀"
BLANKS = "".join(chr(each) for each in range(0x3001) if chr(each).isspace())
"""What `str.strip` takes away: blanks, tabs, line breaks, those of a fixed width."""

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
_MAY_BE_HIDDEN = "\u200c\u200d"
"""They join letters, or keep them apart, in words of some scripts: nobody sees them, and they belong there."""


def fault_of_text(name: str, text: str, longest: int = LONGEST_ID) -> str | None:
    """What is wrong with a text that a person wrote, in words with the remedy; None when it can be kept everywhere."""
    if NUL in text:
        return f"{name} holds a NUL character, which no database can keep: remove it"
    if not is_whole(text):
        return f"{name} holds half of a character (a lone surrogate): write the whole one"
    if len(text) > longest:
        return f"{name} has {len(text):,} characters, and {longest:,} is the most: shorten it"
    return None


def fault_of_words(name: str, text: str, longest: int) -> str | None:
    """What is wrong with a text that people are to read in a line; None when it can be shown as it is."""
    hidden = next((each for each in text if not (each.isprintable() or each in _MAY_BE_HIDDEN)), None)
    if hidden is not None and is_whole(text) and hidden != NUL:
        return f"{name} holds U+{ord(hidden):04X}, a character that does not print: remove it"
    return fault_of_text(name, text, longest)


def in_one_line(text: str) -> str:
    """The text, where what does not print (a line break, a mark that turns the direction) is written as an escape."""
    if text.isprintable():
        return text
    return "".join([each if each.isprintable() or each in _MAY_BE_HIDDEN else repr(each)[1:-1] for each in text])


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


def name_to_keep(org_id: str) -> str:
    """The id itself where a database can keep it; else what it begins with and a hash, so that no two are the same."""
    if NUL not in org_id and len(org_id.encode()) <= LONGEST_KEY_BYTES:
        return org_id
    digest = hashlib.sha256(org_id.encode()).hexdigest()[:12]
    return f"{without_nul(org_id[:_SHOWN_CHARACTERS])}…{digest}"

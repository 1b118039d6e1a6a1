"""Texts that are cut between what people see as characters. What may stand in a text is texts.py's.

The rule is one of caution, from what Python knows of each code point: it never cuts within what Unicode (UAX 29) calls
a grapheme cluster, in any script; where it is not sure it cuts a little earlier. So it needs none of Unicode's tables.
"""

from unicodedata import category, combining

ELLIPSIS = "…"

_VIRAMA = 9
"""The combining class of signs that join a consonant to the next one."""
_CONTINUING = (
    *(0x200C, 0x200D),  # the joiners
    *range(0x1F3FB, 0x1F400),  # tones of skin
    *range(0xE0020, 0xE0080),  # tags, of flags of regions
    *(0xFF9E, 0xFF9F),  # sound marks of narrow kana
    *(0x0E33, 0x0EB3),  # am, of Thai and Lao
    *(0x1160 + offset for offset in range(0xA0)),  # Hangul: vowels and finals
    *range(0xD7B0, 0xD7FC),
    *(0x16D63, *range(0x16D67, 0x16D6B)),  # vowels of Kirat Rai
)
_GLUING = (
    *(0x200D, 0x0D4E, 0x1CF5, 0x1CF6, 0x111C2, 0x111C3, 0x113D1, 0x1193F, 0x11941, 0x11A3A),
    *(*range(0x11A84, 0x11A8A), 0x11D46, 0x11F02),  # but for the joiner: letters that stand before what they belong to
    *range(0x1100, 0x1160),  # Hangul: initials
    *range(0xA960, 0xA97D),
)
_CONTINUE, _GLUE = frozenset(map(chr, _CONTINUING)), frozenset(map(chr, _GLUING))
_UNSURE = ("Mn", "Me", "Mc", "Cn")
"""Marks, and what is too new for this Python to know."""
_FIRST_OF_FLAG, _LAST_OF_FLAG = "\U0001f1e6", "\U0001f1ff"


def cut(text: str, longest: int) -> str:
    """The beginning of `text` of at most `longest` code points, without a part of what is seen as one character.

    What is seen as one and is longer than that is cut all the same.
    """
    if len(text) <= longest:
        return text
    end = longest
    while end > 0 and not _may_end(text, end):
        end -= 1
    return text[: end or longest]


def cut_short(text: str, longest: int) -> str:
    """The text, or its beginning and an ellipsis, of at most `longest` code points together."""
    return text if len(text) <= longest else cut(text, longest - 1) + ELLIPSIS


def _may_end(text: str, end: int) -> bool:
    """Whether a character ends before the code point at `end`."""
    before, after = text[end - 1], text[end]
    if after in _CONTINUE or category(after) in _UNSURE:
        return False
    if before in _GLUE or (before, after) == ("\r", "\n"):
        return False
    if category(before) == "Cf" and before not in _CONTINUE:  # signs that stand before numbers, and what shows nothing
        return False
    if _is_of_flag(before) and _is_of_flag(after):
        return _flags_before(text, end) % 2 == 0
    return not _joins(text, end)


def _is_of_flag(each: str) -> bool:
    return _FIRST_OF_FLAG <= each <= _LAST_OF_FLAG


def _flags_before(text: str, end: int) -> int:
    """How many halves of flags stand before `end` in a row."""
    count = 0
    while count < end and _is_of_flag(text[end - 1 - count]):
        count += 1
    return count


def _joins(text: str, end: int) -> bool:
    """Whether among the marks before `end` is one that joins a consonant to what follows."""
    while end and category(text[end - 1]) in ("Mn", "Mc", "Cf"):
        if combining(text[end - 1]) == _VIRAMA:
            return True
        end -= 1
    return False

"""A unit as FOCUS writes it: "GB-Months" of "GB-month", "Seconds" of "second", "1000 Emails" of "1000 email".

What is no unit of its form, such as one in another script, stays as it was given. Quantities are not here.
"""

import re
from functools import lru_cache

from flybill_pipeline.billing.pricing.descriptions import plural

TIMES = {each: each.capitalize() for each in ("year", "month", "day", "hour", "minute", "second")}
TIMES |= {"s": "Second", "sec": "Second", "min": "Minute", "h": "Hour", "hr": "Hour"}
"""How people write times in small letters, and as FOCUS has one of them."""
BYTES = {
    **{f"{each}b": f"{each.upper()}B" for each in "kmgtpe"},
    **{f"{each}ib": f"{each.upper()}iB" for each in "kmgtpe"},
    **{"byte": "B", "kilobyte": "KB", "megabyte": "MB", "gigabyte": "GB", "terabyte": "TB", "petabyte": "PB"},
    **{"kibibyte": "KiB", "mebibyte": "MiB", "gibibyte": "GiB", "tebibyte": "TiB", "pebibyte": "PiB"},
}
"""Sizes of data in small letters, and as FOCUS has them, of one and of many."""
BITS = frozenset({"b", *(f"{each}b" for each in "KMGTPE"), *(f"{each}ib" for each in "KMGTPE")})
_WORDS = r"[A-Za-z][A-Za-z0-9]*(?: [A-Za-z][A-Za-z0-9]*)*?"
_UNIT = re.compile(rf"(?P<size>[0-9]+ )?(?P<what>{_WORDS})(?:(?P<joint>-|/| per )(?P<time>[A-Za-z]+))?")


@lru_cache(maxsize=1_000)  # as many as there are meters
def focus_unit(unit: str) -> str:
    """How it is said of many: alone, of a time (GB-Hours), or for each of a time (Requests/Second)."""
    found = _UNIT.fullmatch(unit)
    if found is None:
        return unit
    size, what, joint, time = (found[name] or "" for name in ("size", "what", "joint", "time"))
    if not joint:
        return size + _many(what)
    one = _time(time)
    if one is None:
        return unit
    return f"{size}{_one(what)}-{one}s" if joint == "-" else f"{size}{_many(what)}/{one}"


def _time(word: str) -> str | None:
    return TIMES.get(word.lower()) or TIMES.get(word.lower().removesuffix("s"))


def _many(words: str) -> str:
    if (size := _size(words)) is not None:
        return size
    time = _time(words)
    return f"{time}s" if time else plural(_capital(words))


def _one(words: str) -> str:
    return _size(words) or _capital(words)


def _size(words: str) -> str | None:
    return words if words in BITS else BYTES.get(words.lower().removesuffix("s"))


def _capital(words: str) -> str:
    """Symbols such as vCPU have their own capitals."""
    return " ".join(word.capitalize() if word.islower() else word for word in words.split(" "))

"""Foreign text in words for people: whatever it holds, it is read as what it is. Not here: a channel's own markup.

Titles and sentences quote organizations, files and Stripe. A control character, a mark that turns the direction of
writing or half a character would hide what stands there, or could not be stored or sent at all.
"""

LONGEST = 1000


def plain(text: str, longest: int = LONGEST) -> str:
    """One line of text in which everything that does not print is a written escape, cut where it is too long."""
    shown = text if text.isprintable() else "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def plain_lines(text: str, longest: int = LONGEST) -> str:
    """The same for text of several lines, each of them so long at most."""
    return "\n".join(plain(line, longest) for line in text.split("\n"))

"""Foreign text in words for people: whatever it holds, it is read as what it is. Not here: a channel's own markup.

Titles and sentences quote organizations, files and Stripe. A control character, a mark that turns the direction of
writing or half a character would hide what stands there, or could not be stored or sent at all.
"""

LONGEST = 1000


def visible(text: str) -> str:
    """The text with everything that does not print (controls, line breaks, marks of direction) as a written escape."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def plain(text: str, longest: int = LONGEST) -> str:
    """One line of visible text, cut where it is too long."""
    shown = visible(text)
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def plain_lines(text: str, longest: int = LONGEST) -> str:
    """The same for text of several lines, each of them so long at most."""
    return "\n".join(plain(line, longest) for line in text.split("\n"))

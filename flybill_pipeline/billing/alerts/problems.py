"""What a person should know of, and the words in which it is told. Finding problems and sending words: not here."""

from collections.abc import Sequence
from dataclasses import dataclass

from flybill_pipeline.billing.alerts.plain import plain

MOST_NAMED = 5
LONGEST_KEY = 500
"""Characters: what is looked up by an index is not long."""
MOST_TOLD = 20
"""Problems in one message: longer ones are cut off, or refused, on their way."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, however many runs meet it. `key` names it for as long as it lasts.

    `who` is affected, `cost` is what is not billed because of it ("" when that is nothing), `remedy` what to do;
    `urgent` when money waits or might be wrong.
    """

    key: str
    title: str
    what: str
    who: str
    cost: str
    remedy: str
    urgent: bool = True

    def in_plain_words(self) -> "Problem":
        """The same problem with nothing in it but what can be stored, sent and read."""
        words = {name: plain(getattr(self, name)) for name in ("title", "what", "who", "cost", "remedy")}
        return Problem(plain(self.key, LONGEST_KEY), **words, urgent=self.urgent)


@dataclass(frozen=True, slots=True)
class Undelivered:
    """How it stands with a channel through which messages do not arrive: some are tried again, some were given up."""

    channel: str
    waiting: int
    given_up: int
    error: str


@dataclass(frozen=True, slots=True)
class News:
    """What is to be told: problems that began, that still last a day after they were told, and that are over."""

    opened: Sequence[Problem]
    lasting: Sequence[Problem]
    resolved: Sequence[Problem]

    def __bool__(self) -> bool:
        return bool(self.opened or self.lasting or self.resolved)


@dataclass(frozen=True, slots=True)
class Message:
    """One message on its way through one channel; `attempts` counts those that failed."""

    alert_id: int
    channel: str
    subject: str
    body: str
    attempts: int

    @property
    def name(self) -> str:
        """What tells it from every other message."""
        return f"alert-{self.alert_id}"


def named(names: Sequence[str], of: str) -> str:
    """Some of many by name: `3 organizations (acme, bolt, cirrus)`."""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    noun = of if len(names) == 1 else f"{of}s"
    return f"{len(names)} {noun} ({', '.join(names[:MOST_NAMED])}{more})"


def subject(news: News) -> str:
    """The first line of a message: what is new first."""
    parts = [f"{len(news.opened)} new problems"] if len(news.opened) > 1 else [each.title for each in news.opened]
    if news.lasting:
        parts.append(f"{len(news.lasting)} still open")
    if news.resolved:
        alone = len(news.resolved) == 1 and not parts
        parts.append(f"resolved: {news.resolved[0].title}" if alone else f"{len(news.resolved)} resolved")
    return f"flybill: {', '.join(parts)}"


def body(news: News, link: str | None = None) -> str:
    """A message in plain words: what happened, who is affected, what it costs, what to do; and what is over."""
    paragraphs = [
        *map(_told, news.opened),
        *(f"Still open: {_told(each)}" for each in news.lasting),
        *(f"Resolved: {each.title}" for each in news.resolved),
    ]
    more = [f"And {len(paragraphs) - MOST_TOLD} more: `flybill status` and Dagster have all."]
    shown = paragraphs if len(paragraphs) <= MOST_TOLD else paragraphs[:MOST_TOLD] + more
    return "\n\n".join([*shown, *([f"Dagster: {link}"] if link else [])])


def _told(problem: Problem) -> str:
    lines = [
        problem.title,
        f"  What happened: {problem.what}",
        f"  Affected: {problem.who}",
        *([f"  Not billed because of it: {problem.cost}"] if problem.cost else []),
        f"  What to do: {problem.remedy}",
    ]
    return "\n".join(lines)

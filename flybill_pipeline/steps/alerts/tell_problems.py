"""Tells people of problems: one message when they begin, one when they are over, and if urgent one a day.

What is new at the same time is one message; after a message a channel rests for some minutes. What comes and goes in
between is never told. Finding problems: find_problems.py. Messages are sent until they arrive.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from flybill_pipeline.billing.alerts.problems import Message, News, Problem, body, subject

REST = timedelta(minutes=5)
REMINDER = timedelta(hours=24)
FIRST_DELIVERY_WAIT, LONGEST_DELIVERY_WAIT = timedelta(minutes=1), timedelta(hours=1)


Words = Callable[[News], tuple[str, str]]
"""Puts news into a subject and a body."""


class ProblemLedger(Protocol):
    """Remembers problems, what was told of them, and which messages have arrived."""

    def observe(self, current: Sequence[Problem], now: datetime) -> None:
        """Opens what is new, brings what is open up to date, resolves what is gone."""

    def tell(self, channels: Sequence[str], now: datetime, rest: timedelta, reminder: timedelta, words: Words) -> bool:
        """Writes the news into the outbox, once for each channel, and marks them told; False when there are none, or
        the last message is too fresh.
        """

    def take_due(self, now: datetime, until: datetime) -> Sequence[Message]:
        """The messages that may be sent now; until then nobody else gets them."""

    def sent(self, message: Message, now: datetime) -> None: ...
    def failed(self, message: Message, error: str, next_attempt_at: datetime) -> None: ...


class Channel(Protocol):
    """Brings a message to people. Returns why it could not, without any secret; None when it could."""

    def send(self, message: Message) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Told:
    """What a look brought: whether there was news, and how many messages were sent or failed."""

    news: bool
    sent: int
    failed: int


def tell_problems(
    problems: Sequence[Problem],
    ledger: ProblemLedger,
    channels: Mapping[str, Channel],
    now: datetime,
    link: str | None = None,
) -> Told:
    """Records what is wrong now, and tells what is new of it. Safe to repeat at any time."""

    def words(news: News) -> tuple[str, str]:
        return subject(news), body(news, link)

    ledger.observe(problems, now)
    news = ledger.tell(sorted(channels), now, REST, REMINDER, words)
    outcomes = [_deliver(message, ledger, channels, now) for message in ledger.take_due(now, now + FIRST_DELIVERY_WAIT)]
    return Told(news, sum(outcomes), len(outcomes) - sum(outcomes))


def _deliver(message: Message, ledger: ProblemLedger, channels: Mapping[str, Channel], now: datetime) -> bool:
    channel = channels.get(message.channel)
    error = channel.send(message) if channel is not None else "this channel is not set up any more"
    if error is None:
        ledger.sent(message, now)
        return True
    wait: timedelta = min(FIRST_DELIVERY_WAIT * 2**message.attempts, LONGEST_DELIVERY_WAIT)
    ledger.failed(message, error, now + wait)
    return False

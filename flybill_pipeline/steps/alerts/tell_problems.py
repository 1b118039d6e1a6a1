"""Tells people of problems: one message when they begin, one when they are over, and if urgent one a day.

What is new at the same time is one message; after a message a channel rests for some minutes. What comes and goes in
between is never told. Messages are sent until they arrive, or are given up after days, which is a problem in itself.
No message and no channel stands in the way of another. Finding problems: find_problems.py.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Protocol

from flybill_pipeline.billing.alerts.deliveries import FIRST_WAIT, MOST_ATTEMPTS, wait_after
from flybill_pipeline.billing.alerts.problems import Message, News, Problem, Undelivered, body, subject

REST = timedelta(minutes=5)
REMINDER = timedelta(hours=24)
TOLD_AFTER = 6
"""Attempts after which it is a problem that messages do not arrive: an hour of them."""
REMEMBERED = timedelta(days=7)
"""For so long it stays a problem that messages were given up."""
TURN_SECONDS = 10.0
"""What a channel may take of one look: then its other messages wait for the next look, and the other channel begins."""

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

    def take_due(self, now: datetime, until: datetime, most_attempts: int) -> Sequence[Message]:
        """The messages that may be sent now, but for those that were given up; until then nobody else gets them."""

    def sent(self, message: Message, now: datetime) -> None: ...
    def failed(self, message: Message, error: str, next_attempt_at: datetime) -> None: ...

    def troubled_channels(self, since: datetime, attempts: int, most_attempts: int) -> Sequence[Undelivered]:
        """The channels with messages from then on that were tried so often, or given up."""


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
    clock: Callable[[], float] = time.monotonic,
) -> Told:
    """Records what is wrong now, and tells what is new of it. Safe to repeat at any time. `clock` counts seconds."""

    def words(news: News) -> tuple[str, str]:
        return subject(news), body(news, link)

    silent = map(_silent, ledger.troubled_channels(now - REMEMBERED, TOLD_AFTER, MOST_ATTEMPTS))
    by_key = {problem.key: problem for each in (*problems, *silent) if (problem := each.in_plain_words())}
    ledger.observe(list(by_key.values()), now)
    news = ledger.tell(sorted(channels), now, REST, REMINDER, words)
    due = sorted(ledger.take_due(now, now + FIRST_WAIT, MOST_ATTEMPTS), key=lambda message: message.attempts)
    outcomes = [
        _deliver(message, ledger, channels, now)
        for name in sorted({message.channel for message in due})
        for message in _in_turn([message for message in due if message.channel == name], clock)
    ]
    return Told(news, sum(outcomes), len(outcomes) - sum(outcomes))


def _in_turn(messages: Sequence[Message], clock: Callable[[], float]) -> Iterator[Message]:
    """The messages of one channel, for as long as its turn takes."""
    end = clock() + TURN_SECONDS
    yield from takewhile(lambda _: clock() < end, messages)


def _deliver(message: Message, ledger: ProblemLedger, channels: Mapping[str, Channel], now: datetime) -> bool:
    error = _sent(message, channels.get(message.channel))
    if error is None:
        ledger.sent(message, now)
        return True
    ledger.failed(message, error, now + wait_after(message.attempts))
    return False


def _sent(message: Message, channel: Channel | None) -> str | None:
    if channel is None:
        return "this channel is not set up any more"
    try:
        return channel.send(message)
    except Exception as error:  # a mistake of ours in one message must not silence the others
        return f"this message could not be made ({type(error).__name__})"


def _silent(channel: Undelivered) -> Problem:
    given_up = f", {channel.given_up} were given up" if channel.given_up else ""
    return Problem(
        key=f"undelivered/{channel.channel}",
        title=f"alerts do not arrive by {channel.channel}",
        what=f"Of the last try: {channel.error}. {channel.waiting} messages wait{given_up}.",
        who=f"whoever reads alerts by {channel.channel}",
        cost="",
        remedy="Check the channel's address and password (FLYBILL_ALERT_…, FLYBILL_SMTP_URL). What waits is sent then; "
        "what was given up is in the table alert_outbox.",
    )

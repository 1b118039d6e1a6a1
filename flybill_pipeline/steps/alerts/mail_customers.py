"""Sends the mails that were written to customers, until they arrive or are given up. What they say: not here."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from flybill_pipeline.billing.alerts.deliveries import MOST_ATTEMPTS, wait_after
from flybill_pipeline.billing.alerts.letters import Letter

LEASE = timedelta(minutes=5)
"""For so long a mail is one sender's; far longer than a mail server may take."""
TURN_SECONDS = 45.0
"""What sending may take of one look; the rest waits for the next."""
NO_ADDRESS = "the organization has no e-mail address"


class Post(Protocol):
    """Brings a mail to one address. Returns why it could not, without any secret; None when it could."""

    def send(self, message: Letter) -> str | None: ...


class Letters(Protocol):
    """The mails that were written."""

    def take_due(self, now: datetime, until: datetime, most_attempts: int, most: int) -> Sequence[Letter]: ...
    def sent(self, letter: Letter, now: datetime) -> None: ...
    def failed(self, letter: Letter, error: str, next_attempt_at: datetime) -> None: ...


@dataclass(frozen=True, slots=True)
class Mailed:
    """How many mails were taken, and how many were not."""

    sent: int
    failed: int


def mail_customers(
    letters: Letters,
    post_to: Callable[[str], Post],
    now: Callable[[], datetime],
    clock: Callable[[], float] = time.monotonic,
) -> Mailed:
    """Sends what is due, for as long as a turn takes, each taken when it is its turn: so no other sender has it too.

    A mail that was sent twice, because we were killed before we knew, is shown once.
    """
    outcomes, began, end = list[bool](), now(), clock() + TURN_SECONDS
    while clock() < end and (due := letters.take_due(began, now() + LEASE, MOST_ATTEMPTS, 1)):
        outcomes += [_delivered(letter, letters, post_to, now()) for letter in due]
    return Mailed(sum(outcomes), len(outcomes) - sum(outcomes))


def _delivered(letter: Letter, letters: Letters, post_to: Callable[[str], Post], now: datetime) -> bool:
    error = NO_ADDRESS if letter.recipient is None else post_to(letter.recipient).send(letter)
    if error is None:
        letters.sent(letter, now)
    else:
        letters.failed(letter, error, now + wait_after(letter.attempts))
    return error is None

"""Sends the mails that were written to customers, until they arrive or are given up. What they say: not here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from flybill_pipeline.billing.alerts.deliveries import FIRST_WAIT, MOST_ATTEMPTS, wait_after
from flybill_pipeline.billing.alerts.letters import Letter

NO_ADDRESS = "the organization has no e-mail address"


class Post(Protocol):
    """Brings a mail to one address. Returns why it could not, without any secret; None when it could."""

    def send(self, message: Letter) -> str | None: ...


class Letters(Protocol):
    """The mails that were written."""

    def take_due(self, now: datetime, until: datetime, most_attempts: int) -> Sequence[Letter]: ...
    def sent(self, letter: Letter, now: datetime) -> None: ...
    def failed(self, letter: Letter, error: str, next_attempt_at: datetime) -> None: ...


@dataclass(frozen=True, slots=True)
class Mailed:
    """How many mails were taken, and how many were not."""

    sent: int
    failed: int


def mail_customers(letters: Letters, post_to: Callable[[str], Post], now: datetime) -> Mailed:
    """Sends what is due. A mail that was sent twice, because we were killed before we knew, is shown once."""
    outcomes = [
        _delivered(letter, letters, post_to, now) for letter in letters.take_due(now, now + FIRST_WAIT, MOST_ATTEMPTS)
    ]
    return Mailed(sum(outcomes), len(outcomes) - sum(outcomes))


def _delivered(letter: Letter, letters: Letters, post_to: Callable[[str], Post], now: datetime) -> bool:
    error = NO_ADDRESS if letter.recipient is None else post_to(letter.recipient).send(letter)
    if error is None:
        letters.sent(letter, now)
    else:
        letters.failed(letter, error, now + wait_after(letter.attempts))
    return error is None

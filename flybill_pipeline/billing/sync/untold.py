"""What changed of an organization and was not told to Stripe yet, in words. Belongs here: one such org. Not telling."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

_WORDS = {"name": "name", "email": "email", "address": "address", "tax_id": "tax id"}


@dataclass(frozen=True, slots=True)
class Untold:
    """An organization whose customer is not what an import says. Without a `code` it waits; with one, telling failed.

    `fields` are those that Stripe does not have, or may not have; none where its customer was not even looked at.
    The sentences are the operator's.
    """

    org_id: str
    fields: Collection[str]
    code: str | None = None
    message: str = ""
    remedy: str = ""
    next_attempt_at: datetime | None = None

    @property
    def what(self) -> str:
        """The fields as people read them."""
        return ", ".join(words for field, words in _WORDS.items() if field in self.fields) or "its customer"

"""A mail to a customer, as a value on its way. What it says: the words of what it tells."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail to the address that the organization has now; `attempts` counts those that failed."""

    mail_id: str
    org_id: str
    recipient: str | None
    subject: str
    body: str
    attempts: int

    @property
    def name(self) -> str:
        """What tells it from every other mail."""
        return self.mail_id

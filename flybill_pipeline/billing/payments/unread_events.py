"""Events that Stripe pushed and that show nothing that can be read. Values only; nothing of their content."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UnreadEvent:
    """One such event. `event_id` is Stripe's, or a hash of the message; `kind` its type, "" when it names none."""

    event_id: str
    kind: str
    reason: str

"""A row of the failure table: what it is about, and what is said then. Belongs here: its form. Does not: the rows."""

from collections.abc import Collection
from dataclasses import dataclass

import stripe

from flybill_pipeline.billing.sync.values import FailureKind

NOTHING_TO_DO = "Nothing: it is tried again by itself."


@dataclass(frozen=True)
class Rule:
    """One row. `codes`, `statuses`, `params` and `says` (parts of Stripe's message, lower case) narrow it when given.

    One code of several is enough, and one part of the message.
    """

    error: type[stripe.StripeError]
    kind: FailureKind
    name: str
    message: str
    remedy: str = NOTHING_TO_DO
    codes: Collection[str] = ()
    statuses: Collection[int] = ()
    params: Collection[str] = ()
    says: Collection[str] = ()

    def matches(
        self, error: type[stripe.StripeError], status: int | None, code: str | None, param: str | None, says: str
    ) -> bool:
        """Whether this row is about an error of exactly that class, with that status, code, parameter and message."""
        return (
            error is self.error
            and (not self.codes or code in self.codes)
            and (not self.statuses or status in self.statuses)
            and (not self.params or param in self.params)
            and (not self.says or any(part in says for part in self.says))
        )

    @property
    def unconditional(self) -> bool:
        """Whether it takes every error of its class."""
        return not (self.codes or self.statuses or self.params or self.says)

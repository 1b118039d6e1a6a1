"""Which of Stripe's accounts a key belongs to, and what is said where it is not that of the invoices. No calls."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StripeAccount:
    """An account and its mode: both together are one world, in which a customer or an invoice exists or does not."""

    account_id: str
    livemode: bool

    @property
    def name(self) -> str:
        """How it is called towards people."""
        return f"{self.account_id} ({'live' if self.livemode else 'test'} mode)"


@dataclass(frozen=True, slots=True)
class StripeInUse:
    """Whom the key in use speaks to. `account` is None until it was asked for; `base` is the address, where it is not
    Stripe's own. `stand_in`: no key is set, and this machine's stand-in for Stripe is used.
    """

    account: StripeAccount | None
    livemode: bool
    base: str | None
    stand_in: bool = False

    @property
    def sentence(self) -> str:
        """What an operator is told."""
        mode = "live" if self.livemode else "test"
        at = f", at {self.base}" if self.base else ""
        if self.account is not None:
            return f"account {self.account.name}{at}"
        if self.stand_in:
            return "the stand-in of this machine: no key is set"
        return (
            f"the account of the key is not known ({mode} mode{at}): the next close asks for it. A restricted key "
            "needs permission to read it"
        )


@dataclass(frozen=True, slots=True)
class MadeElsewhere:
    """So many invoices of a month were sent to another account than the one that the key belongs to."""

    account: StripeAccount
    invoices: int


def elsewhere_sentence(month: str, elsewhere: Sequence[MadeElsewhere], here: StripeAccount, invoices: int) -> str:
    """What an operator is told of a month with invoices in other accounts; "" when it has none.

    `invoices` is how many the month has in all.
    """
    if not elsewhere:
        return ""
    there = " and ".join(each.account.name for each in elsewhere)
    count = sum(each.invoices for each in elsewhere)
    which = f"The invoices of {month}" if count == invoices else f"{count} of {invoices} invoices of {month}"
    return f"{which} were made in account {there}; this key belongs to {here.name}. They are not sent a second time."

"""Learns which of Stripe's accounts the key belongs to: one call, once for each key. Not what follows from it."""

from collections.abc import Collection
from typing import Protocol

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.sync.accounts import StripeAccount
from flybill_pipeline.billing.sync.values import Answer, Failure


class Accounts(Protocol):
    """What is on record of accounts and keys."""

    def mine(self) -> StripeAccount | None: ...
    def keep(self, account: StripeAccount) -> None: ...
    def has_others(self) -> bool: ...
    def move_in(self, month: Month, shard: int | None, org_ids: Collection[str] | None) -> None: ...


class Stripe(Protocol):
    """Stripe, which knows the account of each key."""

    def account(self) -> Answer[StripeAccount] | Failure: ...


def know_account(accounts: Accounts, stripe: Stripe) -> StripeAccount | None:
    """The account of the key in use; None when Stripe does not say: a restricted key may lack the permission."""
    known = accounts.mine()
    if known is None and isinstance(answer := stripe.account(), Answer):
        accounts.keep(known := answer.value)
    return known


def move_in(
    accounts: Accounts, stripe: Stripe, month: Month, shard: int | None, org_ids: Collection[str] | None
) -> None:
    """Prepares a month for the account of the key, where other keys were in use before."""
    if accounts.has_others() and know_account(accounts, stripe) is not None:
        accounts.move_in(month, shard, org_ids)

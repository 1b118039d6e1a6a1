"""Proves a month against Stripe's own list, after our own orphan drafts are swept from it. Sends nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.steps.sync.ports import BreakerStore
from flybill_pipeline.steps.sync.reconcile_invoices import OurSide, Reconciliation, StripesList, reconcile
from flybill_pipeline.steps.sync.sweep_drafts import Drafts, Rows, sweep_drafts


class Ledger(Rows, Protocol):
    """The sync's rows, and what stops the calls of everybody."""

    @property
    def breaker(self) -> BreakerStore: ...


@dataclass(frozen=True, slots=True)
class MonthProof:
    """Both sides compared, and the orphan drafts removed before: org and Stripe's id.

    `unread` is why Stripe's list could not be read, None when it was; then there is a `reconciliation`.
    """

    reconciliation: Reconciliation | None
    removed: Sequence[Mapping[str, Any]] = ()
    unread: str | None = None


def prove_month(
    month: Month, *, ours: OurSide, theirs: StripesList, ledger: Ledger, stripe: Drafts, now: datetime
) -> MonthProof:
    """Compares the month with Stripe's list. Calls nobody while Stripe does not answer, or refuses the key.

    Where it is organizations that are refused, one after another, reading may go on.
    """
    breaker = ledger.breaker.state(now)
    if breaker is not None and breaker.orgs == 1 and breaker.next_probe_at > now:
        return MonthProof(None, unread=f"Stripe's list was not read: {breaker.sentence}")
    reconciliation = reconcile(month, ours=ours, theirs=theirs)
    removed = sweep_drafts(reconciliation, ledger, stripe)
    if removed:
        reconciliation = reconcile(month, ours=ours, theirs=theirs)
    if reconciliation.failure is not None:
        return MonthProof(None, removed, f"Stripe's list could not be read: {reconciliation.failure.message}")
    return MonthProof(reconciliation, removed)

"""Removes drafts of ours that no row points to, after a reconciliation has found them. Never anything finalized.

Such a draft is left in two cases: an org is linked to another customer while nobody knows whether its draft was made;
or a request is executed long after it was given up. No customer ever sees it, and nothing collects it.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from flybill_pipeline.billing.sync.values import Answer, Failure
from flybill_pipeline.steps.sync.reconcile_invoices import Reconciliation


class Rows(Protocol):
    """The durable rows of the sync."""

    def orphan(self, org_id: str, invoice_id: str, stripe_invoice_id: str) -> AbstractContextManager[bool]:
        """Whether this copy is nobody's: the invoice stands finalized as another. The org is held while this runs."""


class Drafts(Protocol):
    """Stripe, which refuses to delete what is no draft any more."""

    def delete_draft(self, stripe_invoice_id: str) -> Answer[str] | Failure: ...


def sweep_drafts(compared: Reconciliation, rows: Rows, stripe: Drafts) -> list[Mapping[str, Any]]:
    """Deletes the orphans among the drafts that differ, and returns those that are gone now: org and Stripe's id.

    A draft of an invoice that is still on its way is left to the sync; one of an invoice that this database does not
    know may belong to another, and is left to a person, as are copies that are finalized.
    """
    removed: list[Mapping[str, Any]] = []
    for row in compared.differences.to_dict("records"):
        if row["status"] != "draft" or not isinstance(row["org_id"], str):
            continue
        org_id, draft = row["org_id"], str(row["stripe_invoice_id"])
        with rows.orphan(org_id, str(row["invoice_id"]), draft) as orphan:
            if orphan and isinstance(stripe.delete_draft(draft), Answer):
                removed.append({"org_id": org_id, "stripe_invoice_id": draft})
    return removed

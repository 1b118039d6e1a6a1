"""What each write to Stripe holds, as parameters and as a hash that names them. Pure; no calls, no keys.

An idempotency key stands for one content, for ever. The hash is taken of the very parameters that are sent, so that a
changed term, setting or mapping can never go out under a key that stood for something else.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from flybill_pipeline.billing.invoicing.tax_ids import TaxId
from flybill_pipeline.billing.payments.credit_note_sync import CreditPlan
from flybill_pipeline.billing.payments.credit_notes import CreditNote
from flybill_pipeline.billing.sync.netting import netted
from flybill_pipeline.billing.sync.values import SyncInvoice, SyncLine, SyncOrg, TaxBehavior
from flybill_pipeline.stripe_gateway import mapping
from flybill_pipeline.stripe_gateway.credit_mapping import credit_note_params

Params = dict[str, Any]


class Contents:
    """The parameters of each write of one gateway, and their hashes."""

    def __init__(
        self,
        *,
        auto_advance: bool = True,
        automatic_tax: bool = False,
        statement_url: str | None = None,
        own_numbers: bool = True,
        tax_behavior: TaxBehavior = "exclusive",
    ) -> None:
        self._auto_advance, self._own_numbers = auto_advance, own_numbers
        self._statement_url = statement_url
        self._tax: TaxBehavior | None = tax_behavior if automatic_tax else None

    @property
    def taxed(self) -> bool:
        """Whether Stripe adds tax."""
        return self._tax is not None

    def as_sent(self, invoice: SyncInvoice) -> SyncInvoice:
        """The invoice as it is to stand at Stripe: under its own number, unless Stripe is to give it one; with tax,
        which no line below zero can have.
        """
        number = invoice.number if self._own_numbers else None
        if self._tax is None:
            return replace(invoice, number_at_stripe=number)
        lines = tuple(replace(line, currency=invoice.currency) for line in netted(invoice.lines, invoice.currency))
        return replace(invoice, number_at_stripe=number, tax=self._tax, lines=lines)

    def customer(self, org: SyncOrg) -> str:
        """Names what a customer is made with."""
        return _name(mapping.customer_params(org))

    def profile(self, org: SyncOrg, fields: Collection[str]) -> str:
        """Names what some fields of a customer are brought to."""
        return _name({"customer": org.customer_id, **mapping.profile_params(org, fields)})

    def tax_id(self, customer_id: str, tax_id: TaxId) -> str:
        """Names a tax id and the customer that gets it."""
        return _name({"customer": customer_id, **mapping.tax_id_params(tax_id)})

    def org_mark(self, org: SyncOrg) -> str:
        """The org's id as the metadata of what is made for it has it."""
        return mapping.org_mark(org.org_id)

    def invoice(self, invoice: SyncInvoice) -> str:
        """Names what a draft is made with: its terms, its customer, its head; not its lines."""
        return _name(self._invoice_params(invoice))

    def lines(self, stripe_invoice_id: str, lines: Sequence[SyncLine]) -> str:
        """Names lines and the draft that they are added to."""
        return _name({"invoice": stripe_invoice_id, "lines": self.line_params(lines)})

    def finalize(self, stripe_invoice_id: str) -> str:
        """Names how a draft is finalized."""
        return _name({"invoice": stripe_invoice_id, **self.finalize_params()})

    def credit_note(self, note: CreditNote, stripe_invoice_id: str, plan: CreditPlan) -> str:
        """Names what a credit note is made with."""
        return _name(credit_note_params(note, stripe_invoice_id, plan))

    def customer_params(self, org: SyncOrg) -> Params:
        """The parameters of a customer; its metadata names them, so that it shows what it was made with."""
        return _marked(mapping.customer_params(org))

    def invoice_params(self, invoice: SyncInvoice) -> Params:
        """The parameters of a draft; its metadata names them, so that a copy shows what it was made with."""
        return _marked(self._invoice_params(invoice))

    def line_params(self, lines: Sequence[SyncLine]) -> list[Params]:
        """The parameters of lines."""
        return mapping.line_params(lines, self._tax)

    def finalize_params(self) -> Params:
        """The parameters that make a draft final."""
        return {"auto_advance": self._auto_advance}

    def _invoice_params(self, invoice: SyncInvoice) -> Params:
        return mapping.invoice_params(invoice, statement_url=self._statement_url)


def _marked(params: Params) -> Params:
    return {**params, "metadata": {**params["metadata"], "flybill_terms": _name(params)}}


def _name(params: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(params, sort_keys=True).encode()).hexdigest()

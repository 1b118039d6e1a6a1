"""The calls to Stripe, one method each. How a call is made: `calls.py`. No retries and no decisions here."""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from flybill_pipeline.billing.invoicing.tax_ids import TaxId
from flybill_pipeline.billing.payments.credit_note_sync import CreditPlan, StripeBill, StripeCreditNote, StripeLine
from flybill_pipeline.billing.payments.credit_notes import CreditNote
from flybill_pipeline.billing.sync.accounts import StripeAccount
from flybill_pipeline.billing.sync.values import (
    Answer,
    CustomerProfile,
    Failure,
    StripeCustomer,
    StripeInvoice,
    StripeTaxId,
    SyncInvoice,
    SyncLine,
    SyncOrg,
)
from flybill_pipeline.stripe_gateway import credit_mapping, mapping
from flybill_pipeline.stripe_gateway.calls import Calls
from flybill_pipeline.stripe_gateway.failures import customer_gone, tax_inactive
from flybill_pipeline.stripe_gateway.shapes import text_of


class Gateway(Calls):
    """Stripe for one key, call by call."""

    def account(self) -> Answer[StripeAccount] | Failure:
        """The account that the key belongs to, in the key's mode."""
        return self.call("retrieve_account", "get", "/v1/account", partial(mapping.read_account, live=self.live))

    def tax_problem(self) -> Failure | None:
        """Why this account adds no tax to anybody's invoice; None where it does, is not to, or does not say."""
        if not self.contents.taxed:
            return None
        answer = self.call("retrieve_tax_settings", "get", "/v1/tax/settings", lambda data: text_of(data["status"]))
        return tax_inactive(answer.request_id) if isinstance(answer, Answer) and answer.value != "active" else None

    def create_customer(self, org: SyncOrg, key: str) -> Answer[StripeCustomer] | Failure:
        """A customer for an org that has none."""
        params = self.contents.customer_params(org)
        return self.call("create_customer", "post", "/v1/customers", mapping.read_customer, params, key)

    def create_invoice(self, invoice: SyncInvoice, key: str) -> Answer[StripeInvoice] | Failure:
        """An empty draft that Stripe will not finalize by itself."""
        params = self.contents.invoice_params(invoice)
        return self.call("create_invoice", "post", "/v1/invoices", mapping.read_invoice, params, key)

    def add_lines(self, stripe_invoice_id: str, lines: Sequence[SyncLine], key: str) -> Answer[StripeInvoice] | Failure:
        """Adds one chunk of lines to a draft; answers with the whole invoice."""
        path = f"/v1/invoices/{stripe_invoice_id}/add_lines"
        return self.call(
            "add_lines", "post", path, mapping.read_invoice, {"lines": self.contents.line_params(lines)}, key
        )

    def finalize_invoice(self, stripe_invoice_id: str, key: str) -> Answer[StripeInvoice] | Failure:
        """Makes a draft final."""
        path = f"/v1/invoices/{stripe_invoice_id}/finalize"
        return self.call("finalize_invoice", "post", path, mapping.read_invoice, self.contents.finalize_params(), key)

    def retrieve_invoice(self, stripe_invoice_id: str) -> Answer[StripeInvoice] | Failure:
        """One invoice, by Stripe's own id of it."""
        return self.call("retrieve_invoice", "get", f"/v1/invoices/{stripe_invoice_id}", mapping.read_invoice)

    def delete_draft(self, stripe_invoice_id: str) -> Answer[str] | Failure:
        """Deletes a draft; answers with its id."""
        path = f"/v1/invoices/{stripe_invoice_id}"
        return self.call("delete_invoice", "delete", path, lambda data: text_of(data["id"]))

    def find_invoices(self, customer_id: str, since: datetime | None) -> Answer[list[StripeInvoice]] | Failure:
        """All invoices of a customer created at or after `since`, by Stripe's clock, newest first; None: all."""
        params = {"customer": customer_id, **_created(since)}
        return self.list_all("list_invoices", "/v1/invoices", mapping.read_invoice, params)

    def find_customers(self, org_id: str, since: datetime | None) -> Answer[list[StripeCustomer]] | Failure:
        """The customers that were made for an org, created at or after `since`, by Stripe's clock; None: ever.

        Stripe lists by no metadata: all customers of that time are read.
        """
        answer = self.list_all("list_customers", "/v1/customers", mapping.read_customer, _created(since))
        if isinstance(answer, Failure):
            return answer
        mark = mapping.org_mark(org_id)
        return Answer([each for each in answer.value if each.flybill_org_id == mark], answer.request_id)

    def update_customer(self, customer_id: str, org: SyncOrg, key: str) -> Answer[StripeCustomer] | Failure:
        """Brings a customer's name and address up to date."""
        params = self.contents.customer_params(org)
        path = f"/v1/customers/{customer_id}"
        return self.call("update_customer", "post", path, mapping.read_customer, params, key)

    def retrieve_customer(self, customer_id: str) -> Answer[CustomerProfile] | Failure:
        """What stands at a customer. One that was deleted is a failure, though Stripe answers."""
        answer = self.call("retrieve_customer", "get", f"/v1/customers/{customer_id}", mapping.read_customer_profile)
        if isinstance(answer, Failure):
            return answer
        if answer.value is None:
            return customer_gone(answer.request_id)
        return Answer(answer.value, answer.request_id)

    def update_profile(self, org: SyncOrg, fields: Collection[str], key: str) -> Answer[StripeCustomer] | Failure:
        """Brings some fields of the org's customer to what the org has; what it does not have is taken away there."""
        params = mapping.profile_params(org, fields)
        path = f"/v1/customers/{org.customer_id}"
        return self.call("update_customer", "post", path, mapping.read_customer, params, key)

    def find_tax_ids(self, customer_id: str) -> Answer[list[StripeTaxId]] | Failure:
        """All tax ids of a customer, also those made by hand."""
        return self.list_all("list_tax_ids", f"/v1/customers/{customer_id}/tax_ids", mapping.read_tax_id, {})

    def create_tax_id(self, customer_id: str, tax_id: TaxId, key: str) -> Answer[StripeTaxId] | Failure:
        """Adds a tax id to a customer."""
        path, params = f"/v1/customers/{customer_id}/tax_ids", mapping.tax_id_params(tax_id)
        return self.call("create_tax_id", "post", path, mapping.read_tax_id, params, key)

    def delete_tax_id(self, customer_id: str, stripe_tax_id: str) -> Answer[str] | Failure:
        """Takes a tax id from a customer; answers with Stripe's id of it."""
        path = f"/v1/customers/{customer_id}/tax_ids/{stripe_tax_id}"
        return self.call("delete_tax_id", "delete", path, lambda data: text_of(data["id"]))

    def list_lines(self, stripe_invoice_id: str) -> Answer[list[str]] | Failure:
        """Our ids of all lines of an invoice: the invoice itself shows the first ten only."""
        return self.list_all("list_lines", f"/v1/invoices/{stripe_invoice_id}/lines", mapping.read_line_id, {})

    def create_credit_note(
        self, note: CreditNote, stripe_invoice_id: str, plan: CreditPlan, key: str
    ) -> Answer[StripeCreditNote] | Failure:
        """Gives back money of one line of a finalized invoice."""
        params = credit_mapping.credit_note_params(note, stripe_invoice_id, plan)
        read = credit_mapping.read_credit_note
        return self.call("create_credit_note", "post", "/v1/credit_notes", read, params, key)

    def preview_credit_note(
        self, note: CreditNote, stripe_invoice_id: str, plan: CreditPlan
    ) -> Answer[StripeCreditNote] | Failure:
        """What the note would come to at Stripe, with its tax; nothing is made."""
        params = credit_mapping.credit_note_params(note, stripe_invoice_id, plan)
        read = credit_mapping.read_credit_note
        return self.call("preview_credit_note", "get", "/v1/credit_notes/preview", read, params)

    def find_credit_notes(self, stripe_invoice_id: str) -> Answer[list[StripeCreditNote]] | Failure:
        """All credit notes of an invoice, also those made by hand, newest first."""
        params = {"invoice": stripe_invoice_id}
        return self.list_all("list_credit_notes", "/v1/credit_notes", credit_mapping.read_credit_note, params)

    def find_bill(self, stripe_invoice_id: str) -> Answer[StripeBill] | Failure:
        """What a finalized invoice still asks for, and what was credited of it."""
        path = f"/v1/invoices/{stripe_invoice_id}"
        return self.call("retrieve_invoice", "get", path, credit_mapping.read_bill)

    def find_lines(self, stripe_invoice_id: str) -> Answer[list[StripeLine]] | Failure:
        """Stripe's ids of all lines of an invoice, beside ours."""
        return self.list_all("list_lines", f"/v1/invoices/{stripe_invoice_id}/lines", credit_mapping.read_line, {})


class QuickGateway(Gateway):
    """For somebody who looks whether Stripe answers, and waits."""

    timeout = 4.0


def _created(since: datetime | None) -> dict[str, Any]:
    return {} if since is None else {"created": {"gte": int(since.timestamp())}}

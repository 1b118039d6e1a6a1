"""What people do at Stripe and in our list of organizations while a month is synced. No pipeline, no assertions."""

from collections.abc import Collection
from typing import Any, cast

from sqlalchemy import Engine, select, update
from stripe import StripeClient, StripeError

from flybill_pipeline.stores.invoicing.tables import organizations

Json = dict[str, Any]
FINAL = ("open", "paid", "uncollectible")


class People:
    """Colleagues with Stripe's dashboard open, and with the right to link organizations. `finalized`: what they did."""

    def __init__(self, engine: Engine, stripe: StripeClient) -> None:
        self._engine = engine
        self._stripe = stripe
        self.finalized: set[str] = set()

    def invoices(self) -> list[Json]:
        """All invoices that Stripe lists, the oldest first."""
        listed: list[Json] = self._call("get", "invoices", limit=100)["data"]
        return listed[::-1]

    def meddle(self, invoice: Json, how: str) -> None:
        """Does `how` to an invoice; what Stripe refuses is not done."""
        path = f"invoices/{invoice['id']}"
        try:
            match how:
                case "void":
                    self._call("post", f"{path}/void")
                case "delete":
                    self._call("delete", path)
                case "pay" if invoice["status"] == "open":
                    self._call("post", f"{path}/pay", paid_out_of_band=True)
                case "finalize" if self._is_the_only_one(invoice):
                    self._call("post", f"{path}/finalize")
                    self.finalized.add(invoice["id"])
                case "edit" if invoice["from_invoice"] is None:
                    self._call("post", "invoices", from_invoice={"action": "revision", "invoice": invoice["id"]})
                case "edit":  # and now it takes the place of the other one
                    self._call("post", f"{path}/finalize")
                    self.finalized.add(invoice["id"])
                case "add a line":
                    self._call("post", f"{path}/add_lines", lines=[{"amount": 7, "description": "a favour"}])
                case "remove a line":
                    first = invoice["lines"]["data"][0]["id"]
                    self._call("post", f"{path}/remove_lines", lines=[{"id": first, "behavior": "delete"}])
        except (StripeError, IndexError):
            pass

    def settle(self, amounts: Collection[int]) -> None:
        """Does what is asked of them: voids what is none of these amounts, and withdraws what is paid."""
        for invoice in self.invoices():
            if invoice["subtotal"] in amounts or invoice["status"] not in FINAL:
                continue
            if invoice["status"] == "paid":
                self._call("post", f"invoices/{invoice['id']}", metadata={"flybill_invoice_id": "withdrawn"})
            else:
                self._call("post", f"invoices/{invoice['id']}/void")

    def _is_the_only_one(self, invoice: Json) -> bool:
        mark = invoice["metadata"].get("flybill_invoice_id")
        return bool(mark) and [each["metadata"].get("flybill_invoice_id") for each in self.invoices()].count(mark) == 1

    def edit(self, invoice: Json, how: str) -> None:
        """Overwrites what we wrote on an invoice, as another program might."""
        metadata: dict[str, Any] = {
            "wipe all": "",
            "wipe our id": {"flybill_invoice_id": ""},
            "overwrite": {"flybill_content_hash": "0", "flybill_number": "ACME-1", "by": "another tool"},
        }
        self._call("post", f"invoices/{invoice['id']}", metadata=metadata[how])

    def change_terms(self, org_id: str, days: int | None) -> None:
        """Imports the org anew: other terms of payment, another name and address."""
        method = "charge_automatically" if days is None else "send_invoice"
        terms = {"collection_method": method, "days_until_due": days}
        renamed = {"name": f"Now {days} days", "email": f"terms{days}@example.com"}
        self.change(org_id, **terms, **renamed)

    def change(self, org_id: str, **columns: Any) -> None:
        """Imports the org with other values."""
        with self._engine.begin() as connection:
            connection.execute(update(organizations).where(organizations.c.org_id == org_id).values(**columns))

    def delete_customer(self, org_id: str) -> None:
        """Deletes the customer that the org is linked to, if it is."""
        customer = self.links()[org_id]
        if customer is not None and not self.customer(customer).get("deleted"):
            self._call("delete", f"customers/{customer}")

    def link(self, org_id: str, currency: str | None = None, **more: str) -> None:
        """Links the org to a customer of ours, made by hand, which may have been billed in a currency before."""
        customer = self._call("post", "customers", name="made by hand", **more)["id"]
        if currency is not None:
            draft = self._call("post", "invoices", customer=customer, currency=currency)
            self._call("delete", f"invoices/{draft['id']}")
        self.change(org_id, stripe_customer_id=customer)

    def links(self) -> dict[str, str | None]:
        """The customer of each org."""
        query = select(organizations.c.org_id, organizations.c.stripe_customer_id).order_by(organizations.c.org_id)
        with self._engine.connect() as connection:
            return {row.org_id: row.stripe_customer_id for row in connection.execute(query)}

    def mend_links(self) -> None:
        """Gives every org another customer where the one it has was deleted, or cannot be sent anything."""
        for org_id, customer in self.links().items():
            if customer is not None and not self.customer(customer).get("email"):  # a deleted one has nothing
                self.link(org_id, email="mended@example.com")

    def customer(self, customer_id: str) -> Json:
        """A customer as Stripe shows it."""
        return self._call("get", f"customers/{customer_id}")

    def tax_ids(self, customer_id: str) -> list[str]:
        """The values of a customer's tax ids."""
        return [each["value"] for each in self._call("get", f"customers/{customer_id}/tax_ids")["data"]]

    def _call(self, method: str, path: str, **params: Any) -> Json:
        return cast(Json, self._stripe.raw_request(method, f"/v1/{path}", **params).data)

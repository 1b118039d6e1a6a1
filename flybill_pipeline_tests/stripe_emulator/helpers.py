"""Short words for what the tests do with stripe-python. Belongs here: requests. Does not: assertions."""

from typing import Any, cast

import pytest
import stripe
from stripe import StripeClient, StripeError

HOUR, DAY = 3600, 86400
Json = dict[str, Any]


def plain(answer: stripe.StripeResponse) -> Json:
    """The answer's JSON object."""
    return cast(Json, answer.data)


class Shop:
    """A Stripe account seen through the real library; `post` and the like return plain JSON. No url: Stripe itself."""

    def __init__(self, url: str | None, key: str = "sk_test_1") -> None:
        self.url = url
        self.client = StripeClient(key, base_addresses={"api": url} if url else None)

    def call(self, method: str, path: str, **params: Any) -> stripe.StripeResponse:
        answer: stripe.StripeResponse = self.client.raw_request(method, f"/v1/{path}", **params)
        return answer

    def post(self, path: str, **params: Any) -> Json:
        return plain(self.call("post", path, **params))

    def get(self, path: str, **params: Any) -> Json:
        return plain(self.call("get", path, **params))

    def delete(self, path: str) -> Json:
        return plain(self.call("delete", path))

    def customer(self, **params: Any) -> str:
        return str(self.post("customers", **params)["id"])

    def payer(self, method: str = "pm_card_visa", **params: Any) -> str:
        """A customer who pays with the method."""
        return self.customer(invoice_settings={"default_payment_method": method}, **params)

    def draft(self, *amounts: int, customer: str | None = None, **params: Any) -> str:
        """A draft with a line for each amount."""
        invoice = self.post("invoices", customer=customer or self.customer(), **params)
        if amounts:
            self.add(invoice["id"], *amounts)
        return str(invoice["id"])

    def add(self, invoice: str, *amounts: int, **params: Any) -> Json:
        return self.post(f"invoices/{invoice}/add_lines", lines=[{"amount": amount} for amount in amounts], **params)

    def finalized(self, *amounts: int, auto_advance: bool = False, **params: Any) -> Json:
        invoice = self.draft(*amounts, **params)
        return self.post(f"invoices/{invoice}/finalize", auto_advance=auto_advance)

    def refused(self, method: str, path: str, **params: Any) -> StripeError:
        """The error that the call must raise."""
        with pytest.raises(StripeError) as caught:
            self.call(method, path, **params)
        return caught.value

    def event_types(self) -> list[str]:
        """What happened, oldest first."""
        return [event["type"] for event in self.get("events", limit=100)["data"]][::-1]


def code_of(error: StripeError) -> str | None:
    """The error code, also of classes that do not repeat it as an attribute."""
    return error.error.code if error.error else None


def param_of(error: StripeError) -> str | None:
    """The parameter that an error blames."""
    return error.error.param if error.error else None


def header(error: StripeError, name: str) -> str | None:
    value: str | None = (error.headers or {}).get(name)
    return value

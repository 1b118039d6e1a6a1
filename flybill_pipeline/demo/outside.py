"""What other people do to Stripe while flybill bills: create and delete customers, bill somebody by hand, cause faults.

It speaks to the emulator by plain HTTP, so that nothing of flybill's own gateway is in it.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen


class Outside:
    """Somebody else with access to the same Stripe account. Only for the emulator: it can cause faults."""

    def __init__(self, base: str, key: str) -> None:
        self._base = base.rstrip("/")
        self._key = key

    def new_customer(self, name: str) -> str:
        """A customer made by hand; returns its id."""
        return str(self._stripe("POST", "/v1/customers", {"name": name})["id"])

    def delete_customer(self, customer: str) -> None:
        """Deletes a customer, as a colleague might by mistake."""
        self._stripe("DELETE", f"/v1/customers/{customer}")

    def bill_by_hand(self, customer: str, currency: str) -> None:
        """An invoice in another currency, which is the customer's own from then on."""
        invoice = self._stripe("POST", "/v1/invoices", {"customer": customer, "currency": currency})["id"]
        line = {"lines[0][amount]": "1000", "lines[0][description]": "billed by hand"}
        self._stripe("POST", f"/v1/invoices/{invoice}/add_lines", line)
        self._stripe("POST", f"/v1/invoices/{invoice}/finalize")

    def cause_faults(self, seed: int, rate: float) -> None:
        """From now on a share of all calls goes wrong, in every way that calls go wrong."""
        self._send("POST", "/_emulator/faults", json.dumps({"seed": seed, "rate": rate}).encode(), "application/json")

    def stop_faults(self) -> None:
        """No more faults."""
        self._send("DELETE", "/_emulator/faults")

    def report(self) -> dict[str, Any]:
        """What the emulator saw: requests, faults fired, and what its own oracle finds wrong."""
        return self._send("GET", "/_emulator/report")

    def _stripe(self, method: str, path: str, form: Mapping[str, str] | None = None) -> dict[str, Any]:
        return self._send(method, path, urlencode(form).encode() if form else None)

    def _send(
        self, method: str, path: str, body: bytes | None = None, kind: str = "application/x-www-form-urlencoded"
    ) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": kind}
        request = Request(self._base + path, data=body, method=method, headers=headers)  # noqa: S310 - the emulator
        try:
            with urlopen(request, timeout=30) as response:  # noqa: S310
                return dict(json.load(response))
        except HTTPError as error:
            raise RuntimeError(f"{method} {path}: {error.code} {error.read().decode(errors='replace')}") from error

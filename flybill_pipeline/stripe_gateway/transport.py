"""How bytes go to Stripe and back: kept-alive connections, shared by all threads. Belongs here: HTTP. Does not: Stripe.

stripe-python's usual client goes through `requests`, which looks for proxies and cookies anew for every call; that took
more time than everything else in the call together.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import stripe
import urllib3

MOST_KEPT = 64
"""Connections kept open: more than a sync has workers."""


class PooledClient(stripe.HTTPClient):
    """Sends a request once. `address` is whom it is for: a proxy that the environment names for it is used.

    `timeout` is in seconds, for connecting and for each wait for a byte.
    """

    name = "urllib3"

    def __init__(self, address: str, timeout: float) -> None:
        super().__init__()
        kept: dict[str, Any] = {
            "maxsize": MOST_KEPT,
            "timeout": urllib3.Timeout(timeout),
            "retries": False,
            "cert_reqs": "CERT_REQUIRED",
            "ca_certs": stripe.ca_bundle_path,
        }
        parts = urlsplit(address)
        proxy = None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)
        self._pool = urllib3.ProxyManager(proxy, **kept) if proxy else urllib3.PoolManager(**kept)

    def request(  # type: ignore[override]  # the library hands it to a decoder that wants bytes
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """The body, status and headers of the answer. Raises APIConnectionError when there was none, or half of one."""
        try:
            response = self._pool.urlopen(method.upper(), url, body=post_data, headers=headers, redirect=False)
        except urllib3.exceptions.HTTPError as error:
            said = f"{type(error).__name__} while talking to Stripe"
            raise stripe.APIConnectionError(said) from error  # type: ignore[no-untyped-call]
        return response.data, response.status, response.headers

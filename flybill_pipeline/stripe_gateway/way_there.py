"""The way to a host: which proxy of the environment leads there, whose certificates are believed, why it is closed.

Belongs here: what is known before anything was sent. Does not: sending (`transport.py`).
"""

import socket
import ssl
from base64 import b64encode
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import stripe

CERTIFICATE, NAME, PROXY, NO_PROXY_OF_OURS = "certificate", "name", "proxy", "kind_of_proxy"
CLOSED = {
    CERTIFICATE: (
        "What answers at Stripe's address has a certificate that does not hold, so nothing was sent to it",
        "Set the clock of this machine if it is wrong. Where a proxy of your network opens what is encrypted, name the "
        "file with its certificate in SSL_CERT_FILE.",
    ),
    NAME: (
        "This machine does not know the name of Stripe's server",
        "Look whether the network and its name server are up, and STRIPE_API_BASE is right, if it is set.",
    ),
    PROXY: (
        "The proxy that https_proxy names lets nothing through to Stripe",
        "Correct https_proxy, with the name and password that the proxy wants, or have it let Stripe through.",
    ),
    NO_PROXY_OF_OURS: (
        "https_proxy does not name an HTTP proxy, so nothing was sent to Stripe",
        "Write it as http://host:port, or unset it.",
    ),
}
"""By what closes the way: what happened, and what to do. The library hands such a code on as if it were Stripe's."""
TUNNEL = "Tunnel connection failed"
"""So `http.client` begins what it says of a proxy that refuses."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy that connections are asked of, with the headers that it wants."""

    host: str
    port: int
    headers: dict[str, str]


def proxy_to(host: str) -> Proxy | None:
    """The proxy of the environment for https:// to that host, None where there is none.

    It may be written without `http://`, as everywhere. Raises ValueError for what is no HTTP proxy.
    """
    named = "" if proxy_bypass(host) else getproxies().get("https", "").strip()
    if not named:
        return None
    parts = urlsplit(named if "://" in named else f"http://{named.removeprefix('//')}")
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError("no HTTP proxy")
    return Proxy(parts.hostname, parts.port or 80, _login(parts.username, parts.password))


def trusted() -> ssl.SSLContext:
    """Believes who the library believes, and whom this machine does: a proxy of its network may open what is encrypted.

    Such a proxy's certificate is among the machine's own, or in the file that SSL_CERT_FILE names.
    """
    context = ssl.create_default_context(cafile=stripe.ca_bundle_path)
    context.set_default_verify_paths()
    return context


def why_closed(error: Exception) -> str | None:
    """The code of what closed the way before anything was sent; None where nobody knows how far it came."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return CERTIFICATE
    if isinstance(error, socket.gaierror):
        return NAME
    return PROXY if isinstance(error, OSError) and str(error).startswith(TUNNEL) else None


def _login(user: str | None, password: str | None) -> dict[str, str]:
    if user is None:
        return {}
    words = f"{unquote(user)}:{unquote(password or '')}".encode()
    return {"Proxy-Authorization": f"Basic {b64encode(words).decode()}"}

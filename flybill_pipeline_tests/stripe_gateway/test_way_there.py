"""What lies between this machine and Stripe: proxies however written, certificates, and what is said of each."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
import stripe
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from flybill_pipeline.billing.sync.breaker import opening
from flybill_pipeline.billing.sync.values import Answer, Failure
from flybill_pipeline.stripe_gateway.gateway import Gateway
from flybill_pipeline.stripe_gateway.transport import PooledClient
from flybill_pipeline_tests.stripe_gateway.test_transport import server

HERE = "127.0.0.1"
ACCOUNT = b'{"object": "account", "id": "acct_1"}'
ANSWER = b"HTTP/1.1 200 OK\r\nRequest-Id: req_1\r\nContent-Length: %d\r\n\r\n%s" % (len(ACCOUNT), ACCOUNT)


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("written", ["{}", " {} ", "//{}", "http://{}", "HTTP://{}/", "anna:p%40ss@{}"])
def test_a_proxy_is_found_however_it_is_written(written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with server(b"HTTP/1.1 200 OK\r\n\r\n!") as (standing, _, address):
        monkeypatch.setenv("https_proxy", written.format(address.removeprefix("http://")))
        with pytest.raises(stripe.APIConnectionError):
            PooledClient("https://api.stripe.com", timeout=5).request("get", "https://api.stripe.com/v1/events", None)
    assert standing.heads[0].startswith("CONNECT api.stripe.com:443 HTTP/1.")
    assert ("Proxy-Authorization: Basic YW5uYTpwQHNz\r\n" in standing.heads[0]) is ("anna" in written)


def account(base: str | None = None) -> Answer[Any] | Failure:
    return Gateway("sk_test_HUSH", base=base).account()


def said(result: Answer[Any] | Failure) -> str:
    """What an operator reads of it, by itself and once everybody was stopped for it."""
    assert isinstance(result, Failure)
    assert (result.kind, result.code, result.status) == ("same_key", "not_reached", None)
    stopped = opening("outage", result, datetime(2026, 12, 1, tzinfo=UTC))
    assert stopped.message.startswith(result.message)
    assert stopped.remedy == f"{result.remedy} The sync goes on by itself then."
    assert "HUSH" not in f"{result}{stopped}"
    return f"{result.message}. {result.remedy}"


@pytest.mark.parametrize("written", ["socks5://anna:HUSH@127.0.0.1:1080", "https://p:3128", "http://p:HUSH", "http://"])
def test_what_is_no_http_proxy_is_told_and_nothing_is_sent(written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", written)
    assert said(account()) == (
        "https_proxy does not name an HTTP proxy, so nothing was sent to Stripe. "
        "Write it as http://host:port, or unset it."
    )


def test_a_proxy_that_refuses_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with server(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n!") as (_, _, address):
        monkeypatch.setenv("https_proxy", address)
        assert said(account()).startswith("The proxy that https_proxy names lets nothing through to Stripe. Correct")


def test_a_name_that_nobody_knows_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert said(account("http://stripe.test")).startswith(
        "This machine does not know the name of Stripe's server. Look"
    )


def certificate(folder: Path, *, days: int) -> Path:
    """A file with a key and its own certificate for this machine, which ends so many days from now."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a test")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(HERE))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    file = folder / "both.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


@contextmanager
def encrypted(file: Path) -> Iterator[str]:
    """A server with that certificate, which answers one connection with an account."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)

    def serve() -> None:
        connection, _ = listener.accept()
        try:
            with context.wrap_socket(connection, server_side=True) as talk:
                talk.recv(10_000)
                talk.sendall(ANSWER)
        except OSError:  # who does not believe us hangs up
            connection.close()

    with socket.create_server((HERE, 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"https://{HERE}:{listener.getsockname()[1]}"
        thread.join(5)


@pytest.mark.parametrize(("days", "believed"), [(30, False), (-1, True)], ids=["a stranger's", "one that has ended"])
def test_a_certificate_that_does_not_hold_is_told_and_nothing_is_sent(
    days: int, believed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = certificate(tmp_path, days=days)
    if believed:
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with encrypted(file) as address:
        assert said(account(address)).startswith(
            "What answers at Stripe's address has a certificate that does not hold"
        )


def test_whom_this_machine_believes_is_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = certificate(tmp_path, days=30)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with encrypted(file) as address:
        assert isinstance(account(address), Answer)

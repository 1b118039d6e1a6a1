"""The transport against servers that keep a connection, hang up, break off, or stand as a proxy before Stripe."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
import stripe

from flybill_pipeline.stripe_gateway.transport import PooledClient

ANSWER = b"HTTP/1.1 200 OK\r\nRequest-Id: req_1\r\nContent-Length: 2\r\n\r\n{}"


class Server:
    """Answers each request with the next of `answers`; one that ends with b"!" hangs up after it, without the mark."""

    def __init__(self, *answers: bytes) -> None:
        self._answers = list(answers)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.connections = 0
        self.heads: list[str] = []
        self.hung_up = threading.Event()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        with self._listener:
            while self._answers:
                connection, _ = self._listener.accept()
                self.connections += 1
                with closing(connection), connection.makefile("rb") as requests:
                    self._converse(connection, requests)
                self.hung_up.set()

    def _converse(self, connection: socket.socket, requests: Iterator[bytes]) -> None:
        while self._answers:
            head = b"".join(iter(lambda: next(requests, b"\r\n"), b"\r\n")).decode()
            if not head:
                return
            self.heads.append(head)
            answer = self._answers.pop(0)
            connection.sendall(answer.removesuffix(b"!"))
            if answer.endswith(b"!"):
                return


@contextmanager
def server(*answers: bytes) -> Iterator[tuple[Server, PooledClient, str]]:
    standing = Server(*answers)
    address = f"http://127.0.0.1:{standing.port}"
    yield standing, PooledClient(address, timeout=5), address
    standing.thread.join(5)


def test_a_connection_is_kept_and_the_path_is_what_is_asked_for() -> None:
    with server(ANSWER, ANSWER) as (standing, client, address):
        body, status, headers = client.request("post", f"{address}/v1/invoices", {"Idempotency-Key": "k"}, "")
        client.request("get", f"{address}/v1/invoices?limit=1", None)
    assert (body, status, headers["request-id"], "stripe-notice" in headers) == (b"{}", 200, "req_1", False)
    assert standing.connections == 1
    assert standing.heads[0].startswith("POST /v1/invoices HTTP/1.1\r\n")
    assert "Idempotency-Key: k\r\n" in standing.heads[0]
    assert standing.heads[1].startswith("GET /v1/invoices?limit=1 HTTP/1.1\r\n")


def test_a_connection_that_the_server_gave_up_meanwhile_is_not_used() -> None:
    with server(ANSWER + b"!", ANSWER) as (standing, client, address):
        client.request("get", f"{address}/a", None)
        assert standing.hung_up.wait(5)
        assert client.request("get", f"{address}/b", None)[1] == 200
    assert standing.connections == 2


@pytest.mark.parametrize("answer", [b"!", b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{!", b"nonsense\r\n\r\n!"])
def test_no_answer_and_half_of_one_are_no_answer_and_nothing_is_sent_twice(answer: bytes) -> None:
    with server(answer, ANSWER) as (standing, client, address):
        with pytest.raises(stripe.APIConnectionError):
            client.request("post", f"{address}/a", None, "x=1")
        assert len(standing.heads) == 1
        assert client.request("get", f"{address}/b", None)[1] == 200


def test_nobody_listening_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(stripe.APIConnectionError, match="ConnectionRefusedError"):
        PooledClient(f"http://127.0.0.1:{port}", timeout=5).request("get", f"http://127.0.0.1:{port}/a", None)


def test_stripe_is_reached_through_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with server(b"HTTP/1.1 403 Forbidden\r\n\r\n!") as (standing, _, address):
        monkeypatch.setenv("https_proxy", address.replace("//", "//anna:p%40ss@"))
        with pytest.raises(stripe.APIConnectionError):
            PooledClient("https://api.stripe.com", timeout=5).request("get", "https://api.stripe.com/v1/events", None)
    assert standing.heads[0].startswith("CONNECT api.stripe.com:443 HTTP/1.")
    assert "Proxy-Authorization: Basic YW5uYTpwQHNz\r\n" in standing.heads[0]

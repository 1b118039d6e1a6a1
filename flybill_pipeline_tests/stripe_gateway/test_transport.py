"""The transport against servers that keep a connection, hang up, break off, or stand as a proxy before Stripe."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
import stripe

from flybill_pipeline.stripe_gateway.transport import LONGEST_CALL, PooledClient
from flybill_pipeline_tests.worlds.talking import for_ever, talking

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


@pytest.mark.parametrize(
    "answer",
    [
        b"!",
        b"nonsense\r\n\r\n!",
        b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{!",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}!",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n{}!",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n{}!",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n{}!",
        b"HTTP/1.1 101 Switching\r\n\r\n!",
    ],
)
def test_no_answer_and_half_of_one_are_no_answer_and_nothing_is_sent_twice(answer: bytes) -> None:
    with server(answer, ANSWER) as (standing, client, address):
        with pytest.raises(stripe.APIConnectionError):
            client.request("post", f"{address}/a", None, "x=1")
        assert len(standing.heads) == 1
        assert client.request("get", f"{address}/b", None)[1] == 200


def test_an_answer_that_ends_with_its_connection_is_whole() -> None:
    for last in (b"Connection: close\r\nContent-Length: 2\r\n\r\n{}!", b"Connection: close\r\n\r\n{}!"):
        with server(b"HTTP/1.1 200 OK\r\n" + last, ANSWER) as (standing, client, address):
            assert client.request("get", f"{address}/a", None)[0] == b"{}"
            assert client.request("get", f"{address}/b", None)[0] == b"{}"
        assert standing.connections == 2


@pytest.mark.parametrize("early", [b"HTTP/1.1 103 Early Hints\r\n\r\n", b"HTTP/1.1 102 Processing\r\n\r\n"])
def test_what_comes_after_a_word_in_advance_is_never_the_answer_to_the_next_call(early: bytes) -> None:
    late = b'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{"a": 1}'
    with server(early + late, ANSWER) as (_, client, address):
        with pytest.raises(stripe.APIConnectionError):
            client.request("post", f"{address}/a", None, "")
        assert client.request("get", f"{address}/b", None)[0] == b"{}"


def test_the_answer_to_another_call_is_no_answer() -> None:
    mine = b"HTTP/1.1 200 OK\r\nidempotency-key: mine\r\nContent-Length: 2\r\n\r\n{}"
    with server(mine, mine, ANSWER) as (standing, client, address):
        assert client.request("post", f"{address}/a", {"Idempotency-Key": "mine"}, "")[1] == 200
        with pytest.raises(stripe.APIConnectionError):
            client.request("post", f"{address}/a", {"Idempotency-Key": "yours"}, "")
        assert client.request("get", f"{address}/b", None)[1] == 200
    assert standing.connections == 2


@pytest.mark.parametrize(
    ("first", "piece", "every"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", b"x", 0.1),
        (b"HTTP/1.1 200 OK\r\n", b"X", 0.1),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 4096, 0),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", 0),
    ],
    ids=["a dripping body", "a dripping header", "words in advance", "a body without end", "chunks without end"],
)
def test_a_call_ends_in_bounded_time_and_memory_whatever_arrives(
    first: bytes, piece: bytes, every: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flybill_pipeline.stripe_gateway.transport.LARGEST_ANSWER", 1_000_000)
    with talking(for_ever(piece, first, every=every)) as port:
        address = f"http://127.0.0.1:{port}"
        began = time.monotonic()
        with pytest.raises(stripe.APIConnectionError):
            PooledClient(address, timeout=0.4).request("get", f"{address}/a", None)
        assert time.monotonic() - began < LONGEST_CALL * 0.4 + 2


def test_an_answer_as_large_as_a_page_can_be_is_taken() -> None:
    page = b"x" * 3_000_000
    with server(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(page) + page) as (_, client, address):
        assert client.request("get", f"{address}/a", None)[0] == page


@pytest.mark.parametrize("key", ["sk_test_HUSH\n", "sk_test_HUSH\r\nX: y", "sk_test_HÜSH\u2028"])
def test_a_header_that_cannot_be_sent_is_no_answer_and_is_not_repeated(key: str) -> None:
    with server() as (_, client, address), pytest.raises(stripe.APIConnectionError) as refused:
        client.request("get", f"{address}/a", {"Authorization": f"Bearer {key}"})
    told = f"{refused.value}{refused.value.__cause__}{refused.value.__suppress_context__}"
    assert "SH" not in told
    assert "True" in told


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

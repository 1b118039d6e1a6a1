"""An S3 on loopback, as moto plays it, that can be told to fail. Not here: what flybill makes of it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import Thread
from time import sleep
from typing import Any

import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import WSGIRequestHandler, make_server

Fault = Callable[[dict[str, Any], Any], Iterable[bytes]]


class _Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        """Says nothing of each request."""


class Buckets:
    """A server with one bucket, `zone`. While it has a `fault`, requests for objects end by that."""

    def __init__(self) -> None:
        self._app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=_Quiet)
        self.fault: Fault | None = None
        self.requests: list[str] = []
        self._store = s3_backends["123456789012"]["aws"]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def environment(self) -> dict[str, str]:
        """What lets a client in."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "AKIAHUSH",
            "AWS_SECRET_ACCESS_KEY": "HUSHHUSH",
            "AWS_REGION": "us-east-1",
        }

    @property
    def for_others(self) -> dict[str, str]:
        """What lets a reader of Iceberg in that is not ours."""
        key = {"s3.access-key-id": "AKIAHUSH", "s3.secret-access-key": "HUSHHUSH"}
        return {"s3.endpoint": self.url, "s3.region": "us-east-1", **key}

    def let_in(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Lets clients of this process in."""
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)

    def put(self, key: str, content: bytes) -> None:
        """An object, without asking the server."""
        self._store.put_object("zone", key, content)

    def remove(self, key: str) -> None:
        self._store.delete_object("zone", key)

    def get(self, key: str) -> bytes:
        found = self._store.get_object("zone", key)
        assert found is not None, key
        return bytes(found.value)

    @contextmanager
    def running(self) -> Iterator["Buckets"]:
        """Serves, with an empty bucket."""
        thread = Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        self._store.create_bucket("zone", "us-east-1")
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            s3_backends.reset()

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.requests.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}?{environ['QUERY_STRING']}")
        if self.fault is not None and "list-type" not in environ["QUERY_STRING"]:
            return self.fault(environ, start_response)
        return self._app(environ, start_response)  # type: ignore[no-any-return]


def broken(_: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Of every request an internal error, with words that must not be shown."""
    start_response("500 Internal Server Error", [("Content-Type", "application/xml")])
    return [b"<Error><Code>InternalError</Code><Message>HUSH</Message></Error>"]


def refusing(_: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """As a bucket does that does not know the key."""
    start_response("403 Forbidden", [("Content-Type", "application/xml")])
    return [b"<Error><Code>InvalidAccessKeyId</Code><AWSAccessKeyId>AKIAHUSH</AWSAccessKeyId></Error>"]


def full(_: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """As a bucket does that takes no more."""
    start_response("507 Insufficient Storage", [])
    return [b""]


def cut(_: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Half an answer, then nothing."""
    start_response(
        "200 OK", [("Content-Length", "1000"), ("ETag", '"x"'), ("Last-Modified", "Mon, 30 Nov 2026 00:00:00 GMT")]
    )
    yield b"half"


def unpacking(_: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """As Google's do what is stored packed: in pieces, without size and ETag."""
    start_response("200 OK", [("Last-Modified", "Mon, 30 Nov 2026 00:00:00 GMT")])
    yield b"{}"


def silent(_: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Nothing for longer than anybody waits here."""
    sleep(2)
    start_response("200 OK", [])
    return [b""]

"""ClickHouse as a server: its HTTP protocol, as far as clients need it here, in front of the engine itself (`chdb`).

The SQL is the engine's own. What only a server has is not: users, limits, the folder that files are read from.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

NO_SETTINGS = {
    "query",
    "database",
    "client_protocol_version",
    "query_id",
    "session_id",
    "wait_end_of_query",
    "compress",
}
_LITTLE_BY_LITTLE = Lock()
"""Of the embedded engine, which a process has once."""


@contextmanager
def serving_clickhouse() -> Iterator[str]:
    """The address of a ClickHouse with an empty database `default`. Raises ImportError where there is no chdb."""
    from chdb.session import Session

    session = Session()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(session))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"clickhouse://default@127.0.0.1:{server.server_port}/default"
    finally:
        server.shutdown()
        server.server_close()
        session.close()


def _handler(session: Any) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(200, b"Ok.\n")

        def do_POST(self) -> None:
            asked = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            query = "\n".join(filter(None, [asked.get("query"), body]))
            settings = ", ".join(f"{name} = '{value}'" for name, value in asked.items() if name not in NO_SETTINGS)
            if settings and query.lstrip().lower().startswith(("select", "with", "describe")):
                query = f"{query.rstrip().rstrip(';')}\nsettings {settings}"
            try:
                with _LITTLE_BY_LITTLE:
                    self._answer(200, session.query(query, "TabSeparated").bytes())
            except Exception as error:  # whatever the engine says is said to who asked
                self._answer(500, str(error).encode())

        def _answer(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """What it was asked is nobody's matter."""

    return Handler

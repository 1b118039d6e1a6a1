"""Servers that say whatever a test wants, in whatever time: for what stands where a webhook or a mail server should.

No assertions here.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Talk = Callable[[socket.socket], None]
"""What is done with a connection; it is closed after."""


@contextmanager
def talking(talk: Talk) -> Iterator[int]:
    """A server on loopback that talks so to everyone; yields its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    open_connections: list[socket.socket] = []

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                open_connections.append(connection)
                threading.Thread(target=_held, args=[talk, connection], daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in open_connections:
            connection.close()


def _held(talk: Talk, connection: socket.socket) -> None:
    with suppress(OSError):
        talk(connection)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):  # what was not read would make the end of the connection an error
            pass
    connection.close()


def after_request(answer: bytes) -> Talk:
    """Says it once something was asked."""

    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)

    return talk


def for_ever(piece: bytes, first: bytes = b"", *, every: float = 0) -> Talk:
    """Says `first`, and then the piece again and again, with so many seconds between."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(first)
        while True:
            connection.sendall(piece)
            time.sleep(every)

    return talk


def smtp(replies: dict[str, bytes], greeting: bytes = b"220 here\r\n") -> Talk:
    """A mail server that takes everything, but for the verbs with replies of their own; an empty one hangs up.

    `END` is the reply to the message itself.
    """
    usual = {
        "EHLO": b"250-here\r\n250 AUTH PLAIN\r\n",
        "AUTH": b"235 in\r\n",
        "DATA": b"354 go on\r\n",
        "QUIT": b"221 bye\r\n",
    }

    def talk(connection: socket.socket) -> None:
        connection.sendall(greeting)
        with connection.makefile("rb") as lines:
            while line := lines.readline():
                verb = line.split()[0].decode("latin-1").upper() if line.split() else ""
                reply = replies.get(verb, usual.get(verb, b"250 fine\r\n"))
                if reply == b"":
                    return
                connection.sendall(reply)
                if verb == "DATA" and reply.startswith(b"354"):
                    while lines.readline() not in (b".\r\n", b""):
                        pass
                    connection.sendall(replies.get("END", b"250 taken\r\n"))

    return talk

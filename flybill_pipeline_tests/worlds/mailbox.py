"""A webhook and a mail server of our own on loopback, which keep what they are sent. No assertions here."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Hook:
    """What was posted; while `status` is not 200, nothing is taken."""

    url: str = ""
    status: int = 200
    texts: list[str] = field(default_factory=list)


@dataclass
class Mailbox:
    """What was mailed, and to whom; while `refusing`, nothing is taken."""

    url: str = ""
    refusing: bool = False
    mails: list[Message] = field(default_factory=list)
    logins: int = 0


@contextmanager
def webhook() -> Iterator[Hook]:
    """An incoming webhook in Slack's format."""
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if hook.status == 200:
                hook.texts.append(content["text"])
            self.send_response(hook.status)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    with _serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        hook.url = f"http://127.0.0.1:{port}/services/T0/very-secret"
        yield hook


@contextmanager
def mail_server() -> Iterator[Mailbox]:
    """An SMTP server without encryption, as one has on one's own machine."""
    mailbox = Mailbox()

    class Handler(_MailHandler):
        box = mailbox

    with _serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port:
        mailbox.url = f"smtp://billing:very-secret@127.0.0.1:{port}"
        yield mailbox


class _MailHandler(socketserver.StreamRequestHandler):
    box: Mailbox

    def handle(self) -> None:
        self._say("220 ready")
        while line := self.rfile.readline().decode().strip():
            self._say(self._answer(line.split()[0].upper()))

    def _answer(self, verb: str) -> str:
        if verb == "EHLO":
            return "250-here\r\n250 AUTH PLAIN"
        if verb == "AUTH":
            self.box.logins += 1
            return "235 welcome"
        if verb == "MAIL" and self.box.refusing:
            return "451 not now"
        if verb == "DATA":
            self._say("354 go on")
            self.box.mails.append(message_from_bytes(self._data()))
        return "221 bye" if verb == "QUIT" else "250 fine"

    def _data(self) -> bytes:
        lines = []
        while (line := self.rfile.readline().rstrip(b"\r\n")) != b".":
            lines.append(line.removeprefix(b"."))
        return b"\n".join(lines)

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def _serving(server: socketserver.TCPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.socket.getsockname()[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

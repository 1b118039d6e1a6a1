"""Sends a message by e-mail through an SMTP server. Its password, and who reads it, are in no error."""

import smtplib
import socket
import ssl
from collections.abc import Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from io import BufferedReader
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from flybill_pipeline.billing.alerts.letters import Letter
from flybill_pipeline.billing.alerts.plain import plain, plain_lines
from flybill_pipeline.billing.alerts.problems import Message
from flybill_pipeline.notifiers.hanging_up import hung_up_after

WAIT_SECONDS, ALL_SECONDS = 5, 15
"""For a byte, and for the whole conversation."""
MOST_SAID = 64 * 1024
"""Bytes that a server says in one conversation; one that greets, takes and thanks needs some hundred."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")
STAGES: dict[type[smtplib.SMTPException], str] = {
    smtplib.SMTPConnectError: "to our call",
    smtplib.SMTPHeloError: "to our greeting",
    smtplib.SMTPAuthenticationError: "to the password",
    smtplib.SMTPSenderRefused: "to the sender",
    smtplib.SMTPDataError: "to the message",
}


class Email:
    """A mailbox of people, behind `smtp://user:password@host:port` (STARTTLS where it is offered) or `smtps://`."""

    def __init__(self, server: str, sender: str, recipients: Sequence[str]) -> None:
        self._server = urlsplit(server)
        self._sender = sender
        self._recipients = recipients

    def send(self, message: Message | Letter) -> str | None:
        """Hands the message to the server; returns why it was not taken by everybody, None when it was."""
        try:
            with closing(_connection(self._server)) as connection:
                with hung_up_after(ALL_SECONDS, lambda: [connection.sock]):
                    refusal = self._hand_over(message, connection)
                with suppress(smtplib.SMTPException, OSError):
                    connection.putcmd("quit")  # whatever is said to that, the message is where it is
                return refusal
        except smtplib.SMTPRecipientsRefused as error:
            return self._refused(error.recipients)
        except smtplib.SMTPResponseException as error:
            answer = error.smtp_code if error.smtp_code >= 100 else "nonsense"
            return f"the mail server answered {answer} {STAGES.get(type(error), '')}".rstrip()
        except (smtplib.SMTPException, OSError, ValueError) as error:  # ValueError: an address that is none
            return f"the mail server could not be used ({type(error).__name__})"

    def _hand_over(self, message: Message | Letter, connection: smtplib.SMTP) -> str | None:
        default = 465 if self._server.scheme == "smtps" else 587
        code, words = connection.connect(self._server.hostname or "", self._server.port or default)
        if code != 220:
            raise smtplib.SMTPConnectError(code, words)
        if (refusal := self._log_in(connection)) is not None:
            return refusal
        refused = connection.send_message(self._mail(message))
        return self._refused(refused) if refused else None

    def _refused(self, refused: dict[str, tuple[int, bytes]]) -> str:
        codes = ", ".join(sorted({str(code) for code, _ in refused.values()}))
        return f"the mail server refused {len(refused)} of {len(self._recipients)} recipients ({codes})"

    def _log_in(self, connection: smtplib.SMTP) -> str | None:
        """Encrypts where the server can, then gives the password: never over an open line to another machine."""
        encrypted = self._server.scheme == "smtps"
        connection.ehlo_or_helo_if_needed()
        if not encrypted and connection.has_extn("starttls"):
            connection.starttls(context=ssl.create_default_context())
            encrypted = True
        if self._server.username:
            if not encrypted and self._server.hostname not in LOOPBACK:
                return "the mail server offers no encryption, so the password was not sent: use smtps://"
            connection.login(unquote(self._server.username), unquote(self._server.password or ""))
        return None

    def _mail(self, message: Message | Letter) -> EmailMessage:
        mail = EmailMessage()
        mail["Subject"] = plain(message.subject)
        mail["From"] = self._sender
        mail["To"] = ", ".join(self._recipients)
        mail["Date"] = datetime.now(UTC)  # smtplib adds none, and a filter for spam wants one
        mail["Auto-Submitted"] = "auto-generated"  # nobody's absence note answers it
        # A message that was sent twice, because we were killed before we knew, is shown once.
        mail["Message-ID"] = f"<flybill-{message.name}@{self._sender.rpartition('@')[2]}>"
        mail.set_content(plain_lines(message.body))
        return mail


class _BriefServer:
    """What a server says, line by line, until it says too much."""

    def __init__(self, lines: BufferedReader) -> None:
        self._lines = lines
        self._left = MOST_SAID

    def readline(self, longest: int) -> bytes:
        line = self._lines.readline(longest)
        self._left -= len(line)
        if self._left < 0:
            raise smtplib.SMTPServerDisconnected("it says more than a mail server has to say")
        return line

    def close(self) -> None:
        self._lines.close()


class _Plain(smtplib.SMTP):
    def getreply(self) -> tuple[int, bytes]:
        if self.file is None:
            self.file = _listening(self.sock)
        return super().getreply()


class _Encrypted(smtplib.SMTP_SSL):
    def getreply(self) -> tuple[int, bytes]:
        if self.file is None:
            self.file = _listening(self.sock)
        return super().getreply()


def _listening(sock: socket.socket | None) -> Any:
    return None if sock is None else _BriefServer(sock.makefile("rb"))


def _connection(server: SplitResult) -> smtplib.SMTP:
    """A connection that is not made yet, to the host whose certificate is asked for."""
    name = _own_name()
    connection: smtplib.SMTP = _Plain(timeout=WAIT_SECONDS, local_hostname=name)
    if server.scheme == "smtps":
        connection = _Encrypted(timeout=WAIT_SECONDS, local_hostname=name, context=ssl.create_default_context())
    connection._host = server.hostname or ""  # type: ignore[attr-defined]  # else only the constructor, which connects
    return connection


def _own_name() -> str:
    """What we greet with: this machine's name, or an address where that is no whole name, as smtplib has it.

    By itself smtplib asks a name server, which lets every mail wait where it does not answer.
    """
    name = socket.gethostname()
    return name if "." in name and name.isascii() else "[127.0.0.1]"

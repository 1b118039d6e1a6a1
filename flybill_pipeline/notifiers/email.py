"""Sends a message by e-mail through an SMTP server. Its password, and who reads it, are in no error."""

import smtplib
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from flybill_pipeline.billing.alerts.problems import Message

TIMEOUT_SECONDS = 15
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Email:
    """A mailbox of operators, behind `smtp://user:password@host:port` (STARTTLS where it is offered) or `smtps://`."""

    def __init__(self, server: str, sender: str, recipients: Sequence[str]) -> None:
        self._server = urlsplit(server)
        self._sender = sender
        self._recipients = recipients

    def send(self, message: Message) -> str | None:
        """Hands the message to the server; returns why it was not taken, None when it was."""
        try:
            with self._connect() as connection:
                refused = self._log_in(connection)
                if refused is None:
                    connection.send_message(self._mail(message))
                return refused
        except smtplib.SMTPResponseException as error:
            return f"the mail server answered {error.smtp_code}"
        except (smtplib.SMTPException, OSError) as error:
            return f"the mail server could not be used ({type(error).__name__})"

    def _connect(self) -> smtplib.SMTP:
        host, port = self._server.hostname or "", self._server.port
        if self._server.scheme == "smtps":
            trusted = ssl.create_default_context()
            return smtplib.SMTP_SSL(host, port or 465, timeout=TIMEOUT_SECONDS, context=trusted)
        return smtplib.SMTP(host, port or 587, timeout=TIMEOUT_SECONDS)

    def _log_in(self, connection: smtplib.SMTP) -> str | None:
        """Encrypts where the server can, then gives the password: never over an open line to another machine."""
        encrypted = self._server.scheme == "smtps"
        connection.ehlo()
        if not encrypted and connection.has_extn("starttls"):
            connection.starttls(context=ssl.create_default_context())
            encrypted = True
        if self._server.username:
            if not encrypted and self._server.hostname not in LOOPBACK:
                return "the mail server offers no encryption, so the password was not sent: use smtps://"
            connection.login(unquote(self._server.username), unquote(self._server.password or ""))
        return None

    def _mail(self, message: Message) -> EmailMessage:
        mail = EmailMessage()
        mail["Subject"] = message.subject
        mail["From"] = self._sender
        mail["To"] = ", ".join(self._recipients)
        # A message that was sent twice, because we were killed before we knew, is shown once.
        mail["Message-ID"] = f"<flybill-alert-{message.alert_id}@{self._sender.rpartition('@')[2]}>"
        mail.set_content(message.body)
        return mail

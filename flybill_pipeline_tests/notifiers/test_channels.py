"""Messages through a real webhook and a real mail server; what goes wrong is told without any secret."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from flybill_pipeline.billing.alerts.problems import Message
from flybill_pipeline.notifiers.email import Email
from flybill_pipeline.notifiers.webhook import Webhook
from flybill_pipeline_tests.worlds.mailbox import Hook, Mailbox, mail_server, webhook

NEWS = Message(7, "any", "flybill: 3 organizations held", "2026-10: 3 organizations held\n.\n  über 5 €", 0)
NOBODY = "127.0.0.1:9"


@pytest.fixture
def hook() -> Iterator[Hook]:
    with webhook() as made:
        yield made


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as made:
        yield made


def test_a_webhook_gets_subject_and_body(hook: Hook) -> None:
    assert Webhook(hook.url).send(NEWS) is None
    assert hook.texts == [f"*{NEWS.subject}*\n\n{NEWS.body}"]


def test_what_a_webhook_answers_is_told_without_its_address(hook: Hook) -> None:
    hook.status = 503
    assert Webhook(hook.url).send(NEWS) == "the webhook answered 503"
    refused = Webhook(f"http://{NOBODY}/very-secret").send(NEWS)
    assert refused == "the webhook could not be reached (ConnectionRefusedError)"


def test_a_mail_reaches_everyone_and_can_be_told_from_its_repetition(mailbox: Mailbox) -> None:
    email = Email(mailbox.url, "billing@example.com", ["ops@example.com", "night@example.com"])
    assert email.send(NEWS) is None
    assert email.send(NEWS) is None
    first, second = mailbox.mails
    assert (first["Subject"], first["To"]) == (NEWS.subject, "ops@example.com, night@example.com")
    assert first["Message-ID"] == second["Message-ID"] == "<flybill-alert-7@example.com>"
    assert abs(parsedate_to_datetime(first["Date"]) - datetime.now(UTC)) < timedelta(minutes=1)
    assert first["Auto-Submitted"] == "auto-generated"  # no absence note comes back
    content = first.get_payload(decode=True)
    assert isinstance(content, bytes)
    assert content.decode().strip() == NEWS.body
    assert mailbox.logins == 2


def test_what_a_mail_server_answers_is_told_without_password_or_readers(mailbox: Mailbox) -> None:
    mailbox.refusing = True
    refused = Email(mailbox.url, "billing@example.com", ["ops@example.com"]).send(NEWS)
    nobody = Email(f"smtp://billing:very-secret@{NOBODY}", "billing@example.com", ["ops@example.com"]).send(NEWS)
    assert (refused, nobody) == (
        "the mail server answered 451 to the sender",
        "the mail server could not be used (ConnectionRefusedError)",
    )


def test_a_password_never_travels_to_another_machine_unencrypted(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flybill_pipeline.notifiers.email.LOOPBACK", ())
    refused = Email(mailbox.url, "billing@example.com", ["ops@example.com"]).send(NEWS)
    assert refused == "the mail server offers no encryption, so the password was not sent: use smtps://"
    assert (mailbox.logins, mailbox.mails) == (0, [])

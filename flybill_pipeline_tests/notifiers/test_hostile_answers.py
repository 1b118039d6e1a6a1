"""Whatever answers in the place of a webhook or a mail server: a failure with a name, in bounded time."""

import shutil
import socket
import ssl
import subprocess
import time
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flybill_pipeline.billing.alerts.problems import Message
from flybill_pipeline.notifiers import email, posting
from flybill_pipeline.notifiers.email import Email
from flybill_pipeline.notifiers.event_endpoint import EventEndpoint
from flybill_pipeline.notifiers.webhook import Webhook, escaped
from flybill_pipeline_tests.worlds.effort import examples
from flybill_pipeline_tests.worlds.talking import Talk, after_request, for_ever, smtp, talking

NEWS = Message(7, "any", "flybill: 3 organizations held", "2026-10: 3 organizations held", 0)
SECRET = "very-secret"
WITH_TLS = b"250-here\r\n250 STARTTLS\r\n"
OK = b"HTTP/1.1 200 OK\r\n"
ANY_TEXT = st.text(st.one_of(st.characters(), st.sampled_from("\r\n\t<>&@*_`[]()!:|.\x1b\u202e\u2028\ud800")))


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    wait_for(1.0, monkeypatch)


def wait_for(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    for channel in (posting, email):
        monkeypatch.setattr(channel, "ALL_SECONDS", seconds)


def posted(talk: Talk, scheme: str = "http") -> str | None:
    with talking(talk) as port:
        return Webhook(f"{scheme}://127.0.0.1:{port}/services/{SECRET}").send(NEWS)


def mailed(talk: Talk, scheme: str = "smtp", *recipients: str) -> str | None:
    with talking(talk) as port:
        server = f"{scheme}://billing:{SECRET}@127.0.0.1:{port}"
        return Email(server, "billing@example.com", recipients or ("ops@example.com",)).send(NEWS)


@pytest.mark.parametrize(
    "taken",
    [
        OK + b"Content-Length: 2\r\n\r\nok",
        OK + b"Content-Type: text/html\r\n\r\nok",  # as Slack says it
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.0 201 Created\r\n\r\n{}",
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 0\r\n\r\n",
        OK + b"Content-Length: 99999\r\n\r\nok",
    ],
)
def test_a_webhook_that_takes_a_message_in_any_way_has_taken_it(taken: bytes) -> None:
    assert posted(after_request(taken)) is None


@pytest.mark.parametrize(
    "status", [101, 300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 410, 413, 429, 500, 502, 503, 599, 999]
)
def test_every_other_status_is_a_failure_with_its_number(status: int) -> None:
    hits: list[bytes] = []

    def elsewhere(connection: socket.socket) -> None:
        hits.append(connection.recv(65536))
        connection.sendall(OK + b"\r\n")

    with talking(elsewhere) as port:
        answer = f"HTTP/1.1 {status} Some\r\nLocation: http://127.0.0.1:{port}/\r\nContent-Length: 0\r\n\r\n"
        assert (posted(after_request(answer.encode())) or "").startswith(f"the webhook answered {status}")
    assert hits == []  # a redirect is not followed, to nobody


NO_WEBHOOK = {
    "no HTTP": after_request(b"SSH-2.0-OpenSSH_9.9\r\n"),
    "nothing": after_request(b""),
    "a hang-up": lambda connection: None,
    "half a status line": after_request(b"HTTP/1.1 2"),
    "a status that is none": after_request(b"HTTP/1.1 twohundred OK\r\n\r\n"),
    "a page": after_request(OK + b"Content-Type: text/html\r\n\r\n \n<!doctype html><h1>Log in"),
    "a page in chunks": after_request(OK + b"Transfer-Encoding: chunked\r\n\r\n1f\r\n<html>"),
    "a header without end": for_ever(b"x" * 4096, OK + b"X: "),
    "headers without end": for_ever(b"X: y\r\n", OK),
    "answers to come, without end": for_ever(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a byte now and then": for_ever(b"x", OK + b"X: ", every=0.2),
    "silence": lambda connection: time.sleep(3),
}


@pytest.mark.parametrize("talk", NO_WEBHOOK)
def test_what_is_no_webhook_is_a_failure_with_a_name_in_bounded_time(talk: str) -> None:
    began = time.monotonic()
    failure = posted(NO_WEBHOOK[talk])
    assert failure is not None
    assert failure.startswith("the webhook ")
    assert SECRET not in failure
    assert time.monotonic() - began < 3


def test_a_body_without_end_holds_nothing_up() -> None:
    began = time.monotonic()
    assert posted(for_ever(b"x" * 4096, OK + b"\r\n")) is None
    assert time.monotonic() - began < 3


def test_a_status_that_has_come_is_an_answer_though_the_body_never_comes() -> None:
    began, bodiless = time.monotonic(), for_ever(b"", OK + b"Content-Length: 9\r\n\r\n", every=0.2)
    with talking(bodiless) as port:
        signed_with = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        taken = EventEndpoint(f"http://127.0.0.1:{port}/", signed_with).send("evt_1", b"{}", datetime.now(UTC))
    assert (taken.status, taken.error) == (200, None)
    assert time.monotonic() - began < 1  # nobody waits for it
    assert posted(bodiless) is None


@pytest.mark.parametrize(
    "url",
    [
        f"https://127.0.0.1:9/{SECRET}",
        f"http://127.0.0.1:x/{SECRET}",
        f"http://a b/{SECRET}",
        f"http://é\u2028/{SECRET}",
        f"http://{'x' * 70}.example/{SECRET}",
        f"http://[::/{SECRET}",
        f"http:///{SECRET}",
    ],
)
def test_an_address_that_leads_nowhere_is_a_failure_that_does_not_name_it(url: str) -> None:
    failure = Webhook(url).send(NEWS)
    assert failure is not None
    assert SECRET not in failure


def test_whoever_speaks_no_tls_or_shows_no_certificate_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    wait_for(60.0, monkeypatch)  # such an answer comes at once, but for a machine that is busy
    assert posted(after_request(OK + b"\r\n"), "https") == "the webhook could not be reached (SSLError)"
    assert mailed(smtp({}), "smtps") == "the mail server could not be used (SSLError)"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of `localhost` with its key, in one file."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        *name,
        "-keyout",
        str(file),
        "-out",
        f"{file}.crt",
    ]
    subprocess.run(command, check=True, capture_output=True)
    file.write_text(file.read_text() + Path(f"{file}.crt").read_text())
    return file


def test_a_password_travels_encrypted_to_whom_the_certificate_names(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr("ssl.create_default_context", lambda: trusting)
    plain_talk = smtp({}, b"")

    def starttls(connection: socket.socket) -> None:
        connection.sendall(b"220 here\r\n")
        connection.recv(1000)
        connection.sendall(WITH_TLS)
        connection.recv(1000)
        connection.sendall(b"220 go\r\n")
        plain_talk(server.wrap_socket(connection, server_side=True))

    def sent_to(host: str, scheme: str, talk: Talk) -> str | None:
        with talking(talk) as port:
            address = f"{scheme}://billing:{SECRET}@{host}:{port}"
            return Email(address, "billing@example.com", ["ops@example.com"]).send(NEWS)

    def smtps(connection: socket.socket) -> None:
        smtp({})(server.wrap_socket(connection, server_side=True))

    for scheme, talk in (("smtp", starttls), ("smtps", smtps)):
        assert sent_to("localhost", scheme, talk) is None
        assert sent_to("127.0.0.1", scheme, talk) == "the mail server could not be used (SSLCertVerificationError)"


MAIL_ANSWERS = {
    "no greeting": (smtp({}, b"554 go away\r\n"), "answered 554 to our call"),
    "no greeting yet": (smtp({}, b"421 busy\r\n"), "answered 421 to our call"),
    "a greeting of nonsense": (smtp({}, b"HTTP/1.1 400 Bad Request\r\n"), "answered nonsense to our call"),
    "no hello": (smtp({"EHLO": b"500 what\r\n", "HELO": b"500 what\r\n"}), "answered 500 to our greeting"),
    "no password": (smtp({"AUTH": b"535 wrong\r\n"}), "answered 535 to the password"),
    "no login at all": (smtp({"EHLO": b"250 here\r\n"}), "could not be used (SMTPNotSupportedError)"),
    "STARTTLS that fails": (smtp({"EHLO": WITH_TLS, "STARTTLS": b"454 later\r\n"}), "answered 454"),
    "STARTTLS without TLS": (smtp({"EHLO": WITH_TLS, "STARTTLS": b"220 go\r\n"}), "could not be used"),
    "no sender": (smtp({"MAIL": b"553 who\r\n"}), "answered 553 to the sender"),
    "no recipient": (smtp({"RCPT": b"550 nobody\r\n"}), "refused 1 of 1 recipients (550)"),
    "no data": (smtp({"DATA": b"554 no\r\n"}), "answered 554 to the message"),
    "not this message": (smtp({"END": b"552 too big\r\n"}), "answered 552 to the message"),
    "not now": (smtp({"END": b"451 later\r\n"}), "answered 451 to the message"),
    "nonsense to the message": (smtp({"END": b"\xff\xfe\r\n"}), "answered nonsense to the message"),
    **{
        f"a hang-up at {verb}": (smtp({verb: b""}), "could not be used (SMTPServerDisconnected)")
        for verb in ("AUTH", "MAIL", "RCPT", "DATA")
    },
    "a greeting without end": (for_ever(b"220-x\r\n" * 1000), "could not be used (SMTPServerDisconnected)"),
    "a line without end": (for_ever(b"2" * 512), "answered 500"),
    "a byte now and then": (for_ever(b"2", every=0.2), "could not be used (TimeoutError)"),
    "silence": (lambda connection: time.sleep(3), "could not be used (TimeoutError)"),
}  # fmt: skip


@pytest.mark.parametrize("talk", MAIL_ANSWERS)
def test_what_a_mail_server_answers_at_any_stage_is_a_failure_with_a_name_in_bounded_time(talk: str) -> None:
    began = time.monotonic()
    answer, says = MAIL_ANSWERS[talk]
    failure = mailed(answer)
    assert failure is not None
    assert failure.startswith(f"the mail server {says}")
    assert SECRET not in failure
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("name", ["billing-1", "billing.fly.example", "b\u00fcro.example"])
def test_no_name_server_is_asked_how_to_greet(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that does not answer would let each mail wait, however short our own patience is."""
    asked: list[str] = []

    def answered(host: str = "") -> str:
        asked.append(host)
        return "x.example"

    monkeypatch.setattr(socket, "getfqdn", answered)
    monkeypatch.setattr(socket, "gethostbyname", answered)
    monkeypatch.setattr(socket, "gethostname", lambda: name)
    assert mailed(smtp({})) is None
    assert asked == []


def test_a_recipient_that_is_refused_is_told_though_others_got_the_message() -> None:
    first = iter([b"550 nobody\r\n"])

    class Once(dict[str, bytes]):
        def get(self, verb: str, usual: bytes) -> bytes:  # type: ignore[override]
            return next(first, usual) if verb == "RCPT" else usual

    failure = mailed(smtp(Once()), "smtp", "gone@example.com", "ops@example.com")
    assert failure == "the mail server refused 1 of 2 recipients (550)"


@pytest.mark.parametrize("bye", [b"", b"500 what\r\n", b"\xff\r\n"])
def test_a_message_that_was_taken_is_taken_whatever_is_said_to_our_goodbye(bye: bytes) -> None:
    assert mailed(smtp({"QUIT": bye})) is None


@settings(max_examples=examples(40), deadline=None)
@given(st.binary(max_size=300), st.booleans())
def test_no_bytes_make_a_channel_raise(answer: bytes, begins_well: bool) -> None:
    for failure in (
        posted(after_request(OK * begins_well + answer)),
        mailed(smtp({"MAIL": b"250" * begins_well + answer + b"\r\n"}, answer + b"\r\n")),
    ):
        assert failure is None or failure.startswith("the ")


@given(ANY_TEXT)
def test_no_text_is_markup_in_a_webhook(text: str) -> None:
    for mark in (
        "<!channel>",
        "@here",
        "@channel",
        "[a](http://b)",
        "![a](http://b)",
        "[a][b]",
        "```",
        "&amp;",
        "<@U1>",
    ):
        shown = escaped(f"{text}{mark}{text}")
        assert not set("<>`") & set(shown)
        assert "](" not in shown
        assert "][" not in shown
        assert not any(shown[place + 1 : place + 2].isalnum() for place, each in enumerate(shown) if each == "@")


@given(ANY_TEXT, ANY_TEXT)
def test_no_text_is_more_than_a_subject_and_a_body_in_a_mail(subject: str, body: str) -> None:
    made = Email("smtp://x", "billing@example.com", ["ops@example.com"])._mail(Message(7, "email", subject, body, 0))
    read = message_from_bytes(made.as_bytes(), policy=policy.default)
    ours = ["Subject", "From", "To", "Date", "Auto-Submitted", "Message-ID"]
    assert sorted(read.keys()) == sorted([*ours, "Content-Type", "Content-Transfer-Encoding", "MIME-Version"])
    assert read["To"] == "ops@example.com"
    assert "\x1b" not in read.get_content()

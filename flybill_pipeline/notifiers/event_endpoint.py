"""Posts events, signed (signing.py). What they tell: not here."""

from datetime import datetime
from typing import NamedTuple

from flybill_pipeline.notifiers.posting import NotAnsweredError, post
from flybill_pipeline.notifiers.signing import signature, signing_keys


class Taken(NamedTuple):
    """What became of a posting: the receiver's status, and why it did not take it; None when it did.

    `retry_after` is how many seconds it asked us to wait.
    """

    status: int | None
    error: str | None
    retry_after: int | None = None


class EventEndpoint:
    """The address of the platform, which takes what it answers with a status from 200 to 299.

    With several secrets each signs, so that one can be exchanged for another without a gap. Neither the address nor a
    secret is in any error.
    """

    def __init__(self, url: str, secrets: str) -> None:
        self._url = url
        self._keys = signing_keys(secrets)

    def send(self, event_id: str, content: bytes, now: datetime) -> Taken:
        """Posts one event as CloudEvents has it in structured JSON."""
        seconds = int(now.timestamp())
        headers = {
            "content-type": "application/cloudevents+json; charset=utf-8",
            "user-agent": "flybill",
            "webhook-id": event_id,
            "webhook-timestamp": str(seconds),
            "webhook-signature": " ".join(signature(key, event_id, seconds, content) for key in self._keys),
        }
        try:
            answer = post(self._url, content, headers, read=False)
        except NotAnsweredError as error:
            return Taken(None, f"the receiver {error}")
        if 200 <= answer.status < 300:
            return Taken(answer.status, None)
        moved = ": it has moved, and redirects are not followed" if 300 <= answer.status < 400 else ""
        return Taken(answer.status, f"the receiver answered {answer.status}{moved}", _seconds(answer.retry_after))


def _seconds(retry_after: str | None) -> int | None:
    """The wait that was asked for in seconds; a date, or nonsense, is no wait."""
    text = (retry_after or "").strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else None

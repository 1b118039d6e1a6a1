"""Posts a message to a webhook as Slack and its like read it. The address is a secret: it is in no error."""

import json
import urllib.error
import urllib.request

from flybill_pipeline.billing.alerts.problems import Message

TIMEOUT_SECONDS = 10


class Webhook:
    """A Slack-compatible incoming webhook."""

    def __init__(self, url: str) -> None:
        self._url = url

    def send(self, message: Message) -> str | None:
        """Posts `{"text": …}`; returns why it was not taken, None when it was."""
        content = json.dumps({"text": f"*{message.subject}*\n\n{message.body}"}).encode()
        request = urllib.request.Request(  # noqa: S310 - an operator's own setting, checked to be http(s)
            self._url, data=content, headers={"content-type": "application/json", "user-agent": "flybill"}
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
                answer.read(1000)
        except urllib.error.HTTPError as error:
            return f"the webhook answered {error.code}"
        except OSError as error:
            return f"the webhook could not be reached ({type(getattr(error, 'reason', error)).__name__})"
        return None

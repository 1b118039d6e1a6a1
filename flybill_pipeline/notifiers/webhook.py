"""Posts a message to a webhook as Slack and its like read it. The address is a secret: it is in no error."""

import json
import re

from flybill_pipeline.billing.alerts.plain import plain, plain_lines
from flybill_pipeline.billing.alerts.problems import Message
from flybill_pipeline.notifiers.posting import NotAnsweredError, post

PAGE = re.compile(rb"(?:[0-9a-fA-F]+\r\n)?\s*<")
"""The beginning of an HTML or XML body, be it in chunks."""
NOT_A_MENTION = "\u200b"
"""Stands after an @ and between brackets: nobody sees it, and nobody is called, nothing linked."""


class Webhook:
    """A Slack-compatible incoming webhook."""

    def __init__(self, url: str) -> None:
        self._url = url

    def send(self, message: Message) -> str | None:
        """Posts `{"text": …}`; returns why it was not taken, None when it was."""
        text = f"*{escaped(plain(message.subject))}*\n\n{escaped(plain_lines(message.body))}"
        headers = {"content-type": "application/json", "user-agent": "flybill"}
        try:
            answer = post(self._url, json.dumps({"text": text}).encode(), headers)
        except NotAnsweredError as error:
            return f"the webhook {error}"
        if not 200 <= answer.status < 300:
            moved = " (it has moved)" if 300 <= answer.status < 400 else ""
            return f"the webhook answered {answer.status}{moved}"
        if PAGE.match(answer.beginning):
            return "the webhook answered with a page: something else is at its address"
        return None


def escaped(text: str) -> str:
    """Foreign text in a message in which `<…>`, `@…`, `[…](…)` and backquotes would mean something."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("`", "'")
    return re.sub(r"@(?=\w)|\](?=[(\[])", lambda match: match[0] + NOT_A_MENTION, text)

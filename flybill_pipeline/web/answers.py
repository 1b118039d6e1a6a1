"""Answers that are no page: JSON for programs, files to keep. What stands in them: `data.py` and `exports`."""

import json
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

JSON = "application/json"
REFUSED = re.compile(r"q=0(\.0*)?")
"""The weight of a kind that is named in order not to get it."""
TYPES = {"csv": "text/csv; charset=utf-8", "html": "text/html; charset=utf-8", "json": JSON}
"""What the forms of exports are called over HTTP."""


def wants_json(request: Request) -> bool:
    """Whether a program asks: it accepts JSON, and no page."""
    named = (each.partition(";") for each in request.headers.get("accept", "").lower().split(","))
    accepted = {kind.strip() for kind, _, weight in named if not REFUSED.fullmatch(weight.strip())}
    return JSON in accepted and "text/html" not in accepted


def json_answer(content: Any, status: int = 200) -> Response:
    """The content as JSON."""
    return text_answer(json.dumps(content, indent=2) + "\n", JSON, status)


def file_answer(text: str, form: str, name: str) -> Response:
    """A file that the browser keeps under `name`, a plain one of ours, and does not show."""
    answer = text_answer(text, TYPES.get(form, "application/octet-stream"))
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def text_answer(text: str, media_type: str, status: int = 200) -> Response:
    """The text as UTF-8."""
    return Response(text.encode("utf-8", "replace"), status, media_type=media_type)

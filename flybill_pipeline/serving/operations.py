"""What a GraphQL message asks for, read with the parser that Dagster itself uses. No HTTP here, nothing is executed."""

import json
from functools import lru_cache
from typing import Any

from graphql import GraphQLError, OperationDefinitionNode, OperationType, parse

NOT_READABLE = "This is not one GraphQL operation in JSON."
READ_ONLY = "This address is read-only: whoever may change something has another one."


def refusal(body: bytes | str, *, read_only: bool) -> str | None:
    """Why the body of a GraphQL request may not pass, as a sentence; None when it may."""
    try:
        request = json.loads(body)
    except (ValueError, RecursionError):
        return NOT_READABLE
    if not isinstance(request, dict):  # a batch is a list: Dagster does not know it
        return NOT_READABLE
    return _refusal_of(request.get("query"), read_only=read_only)


def frame_refusal(frame: str | None, *, read_only: bool) -> str | None:
    """The same for one frame of a websocket; only a frame with a payload asks for anything."""
    try:
        message = json.loads(frame or "")
    except (ValueError, RecursionError):
        return NOT_READABLE
    if not isinstance(message, dict):
        return NOT_READABLE
    payload = message.get("payload")
    if not isinstance(payload, dict) or "query" not in payload:
        return None
    return _refusal_of(payload["query"], read_only=read_only)


def _refusal_of(document: Any, *, read_only: bool) -> str | None:
    if not isinstance(document, str):  # none, or one stored under a name: what it does cannot be seen
        return NOT_READABLE
    return READ_ONLY if read_only and _may_write(document) else None


@lru_cache(maxsize=128)  # the UI asks the same again and again; parsing takes longer than everything else here
def _may_write(document: str) -> bool:
    """Whether any operation of the document is a mutation, whichever is chosen by name; True when it cannot be read."""
    try:
        definitions = parse(document, no_location=True).definitions
    except (GraphQLError, RecursionError):
        return True
    return any(
        isinstance(each, OperationDefinitionNode) and each.operation is OperationType.MUTATION for each in definitions
    )

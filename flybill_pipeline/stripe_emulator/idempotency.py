"""Idempotency keys as Stripe's v1 API keeps them. Belongs here: saving, replaying and refusing by key. Does not:
deciding whether an endpoint had begun to execute (`engine`)."""

from __future__ import annotations

import json
import zlib

from .config import KEY_LIFETIME
from .errors import KeyReusedError, ParameterError, key_in_use
from .request import Reply, Request
from .store import Store, pack

MAX_KEY_LENGTH = 255


class Answers:
    """The answers saved under keys, and the keys of requests that are not answered yet.

    Requests in flight are not persisted: after a kill they have either been saved or never happened.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.in_flight: dict[str, str] = {}

    def begin(self, request: Request) -> None:
        """Marks the key as in flight; another request with it is refused until `end`."""
        if request.key:
            self.in_flight.setdefault(request.key, request.id)

    def end(self, request: Request) -> None:
        """Frees the key if it was this request that held it."""
        if request.key and self.in_flight.get(request.key) == request.id:
            del self.in_flight[request.key]

    def replay(self, request: Request, now: int) -> Reply | None:
        """The saved answer; None for a new key; an error for a key in flight or used for something else."""
        key = request.key
        if not key:
            return None
        if len(key) > MAX_KEY_LENGTH:
            raise ParameterError(f"Idempotency keys can have up to {MAX_KEY_LENGTH} characters.", param=None)
        if key in self.in_flight:
            raise key_in_use(key)
        rows = self._store.rows(
            "select path, fingerprint, request_id, status, headers, body from answers where key = ? and created > ?",
            (key, now - KEY_LIFETIME),
        )
        if not rows:
            return None
        path, fingerprint, request_id, status, headers, body = rows[0]
        _check_same(request, path, fingerprint)
        replay_headers = {"Idempotent-Replayed": "true", "Original-Request": request_id}
        return Reply(status, zlib.decompress(body), json.loads(headers) | replay_headers, replayed=True)

    def save(self, request: Request, reply: Reply, now: int) -> None:
        """Keeps the answer of a request that began to execute, whether it succeeded or failed."""
        if request.key:
            headers = json.dumps(dict(reply.headers))
            self._store.rows(
                "insert or replace into answers (key, path, fingerprint, created, request_id, status, headers, body)"
                " values (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    request.key,
                    request.path,
                    request.fingerprint,
                    now,
                    request.id,
                    reply.status,
                    headers,
                    pack(reply.body),
                ),
            )


def _check_same(request: Request, path: str, fingerprint: str) -> None:
    hint = f"Try using a key other than '{request.key}' if you meant to execute a different request."
    if request.path != path:
        raise KeyReusedError(
            "Keys for idempotent requests can only be used for the same endpoint they were first used for "
            f"('{request.path}' vs '{path}'). {hint}"
        )
    if request.fingerprint != fingerprint:
        raise KeyReusedError(
            f"Keys for idempotent requests can only be used with the same parameters they were first used with. {hint}"
        )

"""Signatures as Standard Webhooks describes (https://www.standardwebhooks.com). Nothing is sent here."""

import base64
import hashlib
import hmac

PREFIX, KEY_BYTES = "whsec_", range(24, 65)


def signing_keys(secrets: str) -> list[bytes]:
    """The keys of secrets with blanks between them. Raises ValueError when one is none."""
    words = secrets.split()
    keys = [base64.b64decode(word.removeprefix(PREFIX).encode("ascii"), validate=True) for word in words]
    if not all(word.startswith(PREFIX) for word in words) or not all(len(key) in KEY_BYTES for key in keys):
        raise ValueError("not a secret of Standard Webhooks")
    return keys


def signature(key: bytes, event_id: str, seconds: int, content: bytes) -> str:
    """What a key makes of a message that is sent at `seconds` of Unix time."""
    signed = f"{event_id}.{seconds}.".encode() + content
    return f"v1,{base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()}"

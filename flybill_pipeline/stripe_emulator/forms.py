"""Form encoding as Stripe reads it: `lines[0][period][start]=1` to nested dicts of strings. Belongs here: syntax
only. Does not: types, names and limits (`params`)."""

from __future__ import annotations

from functools import lru_cache
from typing import TypeAlias
from urllib.parse import parse_qsl

from .errors import ParameterError

Form: TypeAlias = "dict[str, Form] | str"
"""A string, or members by name; a list has its positions as names ("0", "1", ...)."""


def parse_pairs(encoded: bytes) -> list[tuple[str, str]]:
    """The pairs of a query string or form body, in the order sent."""
    return parse_qsl(encoded.decode("utf-8", "replace"), keep_blank_values=True)


def nest(pairs: list[tuple[str, str]]) -> dict[str, Form]:
    """Nests bracketed names. A name used both as a value and as a container is a ParameterError."""
    root: dict[str, Form] = {}
    for name, value in pairs:
        *parents, last = _parts(name)
        node = root
        for part in parents:
            child = node.setdefault(part or str(len(node)), {})
            if isinstance(child, str):
                raise ParameterError(f"Invalid object: {name}", param=name)
            node = child
        if isinstance(node.get(last), dict):
            raise ParameterError(f"Invalid object: {name}", param=name)
        node[last or str(len(node))] = value
    return root


@lru_cache(maxsize=20_000)
def _parts(name: str) -> tuple[str, ...]:
    """`a[b][0]` to (a, b, 0). The same few names come with every request, so they are cached."""
    head, bracket, rest = name.partition("[")
    if not bracket:
        return (name,)
    if not rest.endswith("]") or not head:
        raise ParameterError(f"Invalid parameter name: {name}", param=name)
    return (head, *rest[:-1].split("]["))

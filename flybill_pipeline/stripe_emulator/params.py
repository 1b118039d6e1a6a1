"""Checks requests against stripe-python's own parameter types. Belongs here: one decoder, directed by those types,
from form strings to Python values. Does not: rules between parameters or about existing objects (the handlers).

`compile_params` walks a TypedDict once and returns a tree of closures; a request then costs a walk over its own fields.
Members of an enumeration are typed `Literal[...] | str` by the library, yet Stripe refuses others: so do we.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any, Literal, TypeAlias, Union

from stripe import RequestOptions

from . import scalars
from .errors import ParameterError, empty_param, missing_param, unknown_params
from .forms import Form
from .parameter_limits import METADATA_KEY_LENGTH, METADATA_KEYS, METADATA_VALUE_LENGTH, Limit, limit_of

Decoder: TypeAlias = Callable[[Form, str], Any]
"""(form, full parameter name) to a value; None stands for "unset". Raises ParameterError."""

# The annotations of the base class name things that its subclasses' modules do not import.
_INHERITED_NAMES = {"Mapping": Mapping, "StripeContext": object}
_METADATA = frozenset({"metadata", "invoice_metadata"})


def compile_params(params_type: type) -> Decoder:
    """The decoder of a stripe.params TypedDict; call it with the nested form and an empty name."""
    return _object(params_type)


@cache
def _object(params_type: type) -> Decoder:
    hints = typing.get_type_hints(params_type, localns=_INHERITED_NAMES)
    # What the client library takes beside the parameters (api_key, headers, ...) never travels in a body.
    names = [name for name in hints if name not in RequestOptions.__annotations__]
    required = [name for name in names if name in params_type.__required_keys__]  # type: ignore[attr-defined]
    decoders = {
        name: _field(params_type.__name__, name, hints[name], unsettable=name not in required) for name in names
    }

    def decode(form: Form, path: str) -> dict[str, Any]:
        if isinstance(form, str):
            raise ParameterError("Invalid object", param=path or None)
        unknown = [_join(path, name) for name in form if name not in decoders]
        if unknown:
            raise unknown_params(unknown)
        for name in required:
            if name not in form:
                raise missing_param(_join(path, name))
        return {name: decoders[name](value, _join(path, name)) for name, value in form.items()}

    return decode


def _field(type_name: str, name: str, hint: Any, *, unsettable: bool) -> Decoder:
    """The decoder of one field: most follow from the type, a few names have a syntax of their own."""
    if name in _METADATA:
        return _metadata
    if name == "currency" and hint is str:
        return scalars.currency
    return _any(hint, limit_of(type_name, name), unsettable=unsettable)


def _any(hint: Any, limit: Limit, *, unsettable: bool = False) -> Decoder:
    origin = typing.get_origin(hint)
    if origin in (Union, types.UnionType):
        return _union(typing.get_args(hint), limit)
    if origin is list:
        return _list(_any(typing.get_args(hint)[0], limit), limit)
    if origin is dict:
        return _map(_any(typing.get_args(hint)[1], limit))
    if origin is Literal:
        return scalars.enumeration(typing.get_args(hint))
    if hasattr(hint, "__required_keys__"):
        return _object(hint)
    if hint is str:
        return scalars.string(limit.length, unsettable=unsettable)
    decimal = scalars.decimal(limit)  # for floats too: on the wire a percentage is a decimal
    return {int: scalars.integer(limit), bool: scalars.boolean, Decimal: decimal, float: decimal}[hint]


def _union(members: tuple[Any, ...], limit: Limit) -> Decoder:
    """A union is decided by the shape of what was sent: empty, a container, or one word."""
    literals = [
        value for member in members if typing.get_origin(member) is Literal for value in typing.get_args(member)
    ]
    choices = tuple(value for value in literals if value)
    containers = [member for member in members if _is_container(member)]
    words = [member for member in members if member in (int, bool, Decimal, float) or (member is str and not choices)]
    container = _any(containers[0], limit) if containers else None
    word = scalars.enumeration(choices) if choices else _any(words[0], limit) if words else None
    unsettable = "" in literals

    def decode(form: Form, path: str) -> Any:
        if form == "":
            if unsettable:
                return None
            raise empty_param(path)
        chosen = (word or container) if isinstance(form, str) else (container or word)
        assert chosen is not None
        return chosen(form, path)

    return decode


def _is_container(member: Any) -> bool:
    # `UntypedStripeObject[...]` always stands beside an equivalent Dict: it adds nothing on the wire.
    return typing.get_origin(member) in (list, dict) or hasattr(member, "__required_keys__")


def _list(item: Decoder, limit: Limit) -> Decoder:
    def decode(form: Form, path: str) -> list[Any]:
        if isinstance(form, str) or not all(index.isdecimal() for index in form):
            raise ParameterError("Invalid array", param=path)
        if len(form) > limit.items:
            raise ParameterError(f"Array {path} exceeded maximum {limit.items} allowed elements.", param=path)
        return [item(form[index], f"{path}[{index}]") for index in sorted(form, key=int)]

    return decode


def _map(item: Decoder) -> Decoder:
    def decode(form: Form, path: str) -> dict[str, Any]:
        if isinstance(form, str):
            raise ParameterError("Invalid object", param=path)
        return {name: item(value, f"{path}[{name}]") for name, value in form.items()}

    return decode


def _metadata(form: Form, path: str) -> dict[str, str] | None:
    """Metadata to merge; an empty value unsets its key, None unsets all."""
    if form == "":
        return None
    if isinstance(form, str):
        raise ParameterError("Invalid object", param=path)
    if len(form) > METADATA_KEYS:
        raise ParameterError(f"You can have up to {METADATA_KEYS} metadata keys.", param=path)
    for key, value in form.items():
        name = f"{path}[{key}]"
        if isinstance(value, dict) or re.search(r"[\[\]]", key):
            raise ParameterError("Metadata keys cannot contain square brackets, nor values be nested.", param=name)
        if len(key) > METADATA_KEY_LENGTH:
            raise ParameterError(f"Metadata keys can have up to {METADATA_KEY_LENGTH} characters.", param=name)
        if len(value) > METADATA_VALUE_LENGTH:
            raise ParameterError(f"Metadata values can have up to {METADATA_VALUE_LENGTH} characters.", param=name)
    return typing.cast("dict[str, str]", dict(form))


def _join(path: str, name: str) -> str:
    return f"{path}[{name}]" if path else name

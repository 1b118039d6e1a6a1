"""What Stripe publishes about its answers, as stripe-python's classes declare it, held against JSON. Belongs here: the
walk over the annotations. Does not: requests, and which answers are looked at.

A field is wrong when its class does not know it, when it is absent or null although it is always there, or when its
value has another type or is none of those listed. An object inside another is known by its class, or by its name.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from types import NoneType
from typing import Any, ForwardRef, Literal, Union, get_args, get_origin

from stripe import ErrorObject, ListObject, StripeObject
from stripe._object_classes import OBJECT_CLASSES, get_object_class
from stripe._stripe_object import UntypedStripeObject

UNDECLARED = {("list", "object"), ("list", "total_count")}
"""What lists have although nothing declares it; `total_count` is in recorded answers of the lines of an invoice."""
NAMES = {model: name for name, (_, model) in OBJECT_CLASSES.items()}
"""The class that an annotation names by its bare name, to what its objects call themselves."""
_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def faults(answer: Any) -> list[str]:
    """What is wrong with one JSON answer of the API: each field with what is declared of it."""
    if isinstance(answer, dict) and "error" in answer:
        return [*_of_object(answer["error"], ErrorObject, "error")]
    return [*_of_named(answer, "answer")]


def _of_named(value: Any, path: str) -> Iterator[str]:
    """An object that says itself what it is."""
    name = value.get("object") if isinstance(value, dict) else None
    if name == "list":
        yield from _of_list(value, Any, path)
    elif not isinstance(name, str) or name not in OBJECT_CLASSES:
        yield f"{path}: {_shown(value)} is no object that Stripe has"
    elif value.get("deleted"):
        if value.keys() != {"id", "object", "deleted"}:
            yield f"{path}: a deleted {name} has only id, object and deleted"
    else:
        yield from _of_object(value, get_object_class("V1", name), name if path == "answer" else path)


def _of_object(value: Any, model: type, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: {_shown(value)} is no {model.__name__}"
        return
    hints = {name: hint for name, hint in model.__annotations__.items() if name != "OBJECT_NAME"}
    yield from (f"{path}.{name}: {model.__name__} has no such field" for name in value if name not in hints)
    for name, hint in hints.items():
        if name in value:
            yield from _of_hint(value[name], hint, f"{path}.{name}")
        elif NoneType not in get_args(hint):
            yield f"{path}.{name}: absent, but always there as {_said(hint)}"


def _of_list(value: Any, entry: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict) or value.get("object") != "list" or not isinstance(value.get("data"), list):
        yield f"{path}: {_shown(value)} is no list of Stripe's"
        return
    declared = {name: part for name, part in value.items() if ("list", name) not in UNDECLARED}
    yield from _of_object({**declared, "data": []}, ListObject, path)
    for index, each in enumerate(value["data"]):
        yield from _of_hint(each, entry, f"{path}.data[{index}]")


def _of_hint(value: Any, hint: Any, path: str) -> Iterator[str]:
    match get_origin(hint) or hint:
        case origin if origin is Union:
            yield from _of_union(value, get_args(hint), path)
        case origin if origin is Literal:
            yield from _unless(value in get_args(hint), value, hint, path)
        case origin if origin is list:
            yield from _unless(isinstance(value, list), value, hint, path)
            for index, each in enumerate(value if isinstance(value, list) else ()):
                yield from _of_hint(each, get_args(hint)[0], f"{path}[{index}]")
        case origin if origin is ListObject:
            yield from _of_list(value, get_args(hint)[0], path)
        case origin if origin in (UntypedStripeObject, dict):
            yield from _of_mapping(value, get_args(hint)[-1], path)
        case ForwardRef(__forward_arg__=name):
            yield from _of_object(value, get_object_class("V1", NAMES[name.removesuffix("Resource")]), path)
        case origin if origin is Any:
            yield from _of_named(value, path) if isinstance(value, dict) and "object" in value else ()
        case type() as model if issubclass(model, StripeObject):
            yield from _of_object(value, model, path)
        case plain:
            yield from _unless(_is_plain(value, plain), value, plain, path)


def _of_union(value: Any, members: tuple[Any, ...], path: str) -> Iterator[str]:
    """Beside listed values the library allows any text, for those to come: what we answer is one of the list."""
    listed = [each for each in members if get_origin(each) is Literal]
    wanted = [each for each in members if each is not NoneType and not (listed and each is str)]
    if value is None and NoneType in members:
        return
    found = [[*_of_hint(value, each, path)] for each in wanted]
    if all(found):  # an object is compared with the class; whatever else is, with the first
        yield from found[-1] if isinstance(value, dict) else found[0]


def _of_mapping(value: Any, entry: Any, path: str) -> Iterator[str]:
    if entry is Any:
        yield from _of_hint(value, Any, path)
        return
    yield from _unless(isinstance(value, dict), value, dict, path)
    for name, each in value.items() if isinstance(value, dict) else ():
        yield from _of_hint(each, entry, f"{path}.{name}")


def _is_plain(value: Any, hint: Any) -> bool:
    if hint is Decimal:
        return isinstance(value, str) and _DECIMAL.fullmatch(value) is not None
    if hint is float:
        return type(value) in (int, float)
    return type(value) is hint


def _unless(right: bool, value: Any, hint: Any, path: str) -> Iterator[str]:
    if not right:
        yield f"{path}: {_shown(value)} is no {_said(hint)}"


def _shown(value: Any) -> str:
    return repr(value)[:60]


def _said(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint).replace("typing.", "")[:120]


def paths(value: Any, *way: str | int) -> Iterator[tuple[str | int, ...]]:
    """The way to each member of an answer, however deep; what people put in freely is not looked into."""
    members: Iterator[tuple[str | int, Any]] = iter(())
    if isinstance(value, Mapping):
        members = ((name, each) for name, each in value.items() if name != "metadata")
    elif isinstance(value, list):
        members = enumerate(value)
    for name, each in members:
        yield (*way, name)
        yield from paths(each, *way, name)

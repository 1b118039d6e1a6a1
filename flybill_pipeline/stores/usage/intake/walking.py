"""Walks within a JSON document, by the steps of a path: to its records, and from a record to a value.

How a document is read, and what becomes of its records, is in documents.py.
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from flybill_pipeline.stores.usage.intake.columns import ANY, EACH, NAME, UP, Step


class Node(NamedTuple):
    """A value within a document: the object that it stands in, and the name that it has there."""

    value: Any
    parent: "Node | None" = None
    name: str | None = None


NO_RECORD = object()
"""Stands where the path to records leads to something of another kind than it says."""


def nodes_at(node: Node, path: tuple[Step, ...]) -> Iterator[Node]:
    """What a path leads to: `[]` each element of a list, `*` each value of an object; nothing where nothing is there.

    What is another thing than a list, or an object, is led to itself, so that it is not lost: it becomes no record.
    A list is no parent: the parent of its elements is the object that it stands in.
    """
    if not path:
        yield node
        return
    step, rest = path[0], path[1:]
    value = node.value
    if step.mark in (EACH, ANY) and not isinstance(value, list if step.mark == EACH else dict):
        if value is not None and value != []:  # as PHP writes an object that is empty
            yield Node(NO_RECORD)
    elif step.mark == EACH:
        for element in value:
            yield from nodes_at(Node(element, node.parent, node.name), rest)
    elif step.mark == ANY:
        for name, each in value.items():
            yield from nodes_at(Node(each, node, name), rest)
    else:
        found = step_from(node, step)
        if found is not None:
            yield from nodes_at(found, rest)


def value_at(node: Node | None, path: tuple[Step, ...]) -> Any:
    """The value of a column of a record; None where there is none."""
    if len(path) == 1 and path[0].key is not None and node is not None:  # as most columns are
        return node.value.get(path[0].key) if isinstance(node.value, dict) else None
    for place, step in enumerate(path):
        if node is None:
            return None
        if step.mark == UP:
            node = node.parent
        elif step.mark == NAME:
            return node.name
        elif step.mark == ANY:
            values = node.value.values() if isinstance(node.value, dict) else ()
            found = (value_at(Node(each, node), path[place + 1 :]) for each in values)
            return next((value for value in found if value is not None), None)
        else:
            node = step_from(node, step)
    return None if node is None else node.value


def step_from(node: Node, step: Step) -> Node | None:
    """What one step leads to: a key, a place or an element; None where nothing is there."""
    value = node.value
    if step.key is not None:
        return Node(value[step.key], node, step.key) if isinstance(value, dict) and step.key in value else None
    if step.place is not None:
        inside = isinstance(value, list) and -len(value) <= step.place < len(value)
        return Node(value[step.place], node.parent, node.name) if inside else None
    assert step.has is not None
    key, wanted = step.has
    for element in value if isinstance(value, list) else ():
        if isinstance(element, dict) and text_of(element.get(key)) == wanted:
            return Node(element, node.parent, node.name)
    return None


def text_of(value: Any) -> str | None:
    """The value as a text: digits as they stand, what is nested as JSON without blanks."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):  # NaN and the infinities, which are no JSON, but are written
        return str(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

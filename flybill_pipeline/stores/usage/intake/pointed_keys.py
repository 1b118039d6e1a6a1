"""Keys of JSON with a point in their name, where the mapping names them without quotes: its path leads to nothing then,
and a part of an id or a condition that is nothing is no fault of a row. How a path is walked is in walking.py.
"""

from collections.abc import Iterable
from itertools import takewhile

from flybill_pipeline.stores.usage.intake.columns import UP, Step, steps_of
from flybill_pipeline.stores.usage.intake.reading import UnreadableFileError
from flybill_pipeline.stores.usage.intake.walking import Node, step_from


def require_quotes(record: Node, names: Iterable[str]) -> None:
    """Raises UnreadableFileError where a path among `names` leads to nothing in `record`, but its words are one key."""
    for name in names:
        key = _pointed(record, steps_of(name))
        if key is not None:
            raise UnreadableFileError(
                f"the file has the key {key!r}, with a point in its name; {name!r} asks for what is in an object",
                f"put double quotes around it within the path, as in '\"{key}\"'; in `sql` three at each side",
            )


def _pointed(node: Node | None, steps: tuple[Step, ...]) -> str | None:
    for place, step in enumerate(steps):
        if node is None or step.mark not in (None, UP):
            return None
        inner = node.parent if step.mark == UP else step_from(node, step)
        if inner is None and isinstance(node.value, dict):
            words = [each.key for each in takewhile(lambda each: each.key is not None, steps[place:])]
            keys = (".".join(map(str, words[:end])) for end in range(2, len(words) + 1))
            return next((key for key in keys if key in node.value), None)
        node = inner
    return None

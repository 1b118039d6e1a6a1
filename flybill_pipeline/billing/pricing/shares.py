"""What of a bill belongs to some values of dimensions, such as one app: from lines, and from what shows them."""

from collections.abc import Iterable, Iterator, Mapping

from flybill_pipeline.billing.pricing.line_items import LineItem

Scope = tuple[tuple[str, str], ...]
"""Values of dimensions by name, in order: what they name can be looked up by it. Empty is all of a bill."""


def scope_of(values: Mapping[str, str]) -> Scope:
    """These values, in order."""
    return tuple(sorted(values.items()))


def share_minor(lines: Iterable[LineItem], scope: Mapping[str, str]) -> int:
    """The minor units of the lines that belong to `scope`; all of them where it is empty.

    A line that has none of its names, neither itself nor in what it is shown by, belongs to nobody.
    """
    return sum(amount for line in lines for amount in _amounts(line, scope))


def values_of(lines: Iterable[LineItem]) -> set[tuple[str, str]]:
    """Each name and value by which a part of the lines can be told apart."""
    return {
        named
        for line in lines
        for dimensions in (line.dimensions, *(each.dimensions for each in line.portions))
        for named in dimensions.items()
        if named[1]
    }


def _amounts(line: LineItem, scope: Mapping[str, str]) -> Iterator[int]:
    if scope.items() <= line.dimensions.items():
        yield line.amount_minor
    else:
        for each in line.portions:
            if scope.items() <= {**line.dimensions, **each.dimensions}.items():
                yield each.amount_minor

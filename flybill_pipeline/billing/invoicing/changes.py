"""What made one month's bill another than the bill before: line against line, by product and app. No words here."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from flybill_pipeline.billing.money.decimals import ZERO, exact
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.pricing.portions import Values

BY_NAME = frozenset({"usage", "subscription"})
"""Kinds whose lines are told apart, by meter and by dimensions; of any other kind all are one."""
Thing = tuple[str, str | None]
"""A kind, and its meter where it has one."""
Key = tuple[Thing, Values]


@dataclass(frozen=True, slots=True)
class Part:
    """What a bill has of one thing. `quantity` is None where its units cannot be added up."""

    title: str | None
    unit: str | None
    quantity: Decimal | None
    minor: int


NOTHING = Part(None, None, ZERO, 0)


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that comes to another amount than before: a product, an app of it, a plan, or all of another kind."""

    kind: str
    meter: str | None
    dimensions: Mapping[str, str]
    after: Part
    before: Part

    @property
    def more_minor(self) -> int:
        """By how much it is more than before, in minor units; below zero where it is less."""
        return self.after.minor - self.before.minor

    @property
    def title(self) -> str | None:
        """What people read of its meter."""
        return self.after.title or self.before.title

    @property
    def unit(self) -> str | None:
        """Of both quantities; None where there are none to compare."""
        units = {each.unit for each in (self.after, self.before) if each is not NOTHING}
        counts = self.after.quantity is not None and self.before.quantity is not None
        return next(iter(units)) if counts and len(units) == 1 else None


def changes(now: Sequence[LineItem], before: Sequence[LineItem]) -> list[Change]:
    """What came to another amount, the largest difference first: their differences add up to that of the bills.

    Where a product was shown by other names before, it is compared by the names that both bills have.
    """
    names = _shared(_names(now), _names(before))
    ours, theirs = _parts(now, names), _parts(before, names)
    found = [
        Change(*key[0], dict(key[1]), ours.get(key, NOTHING), theirs.get(key, NOTHING))
        for key in sorted(ours.keys() | theirs.keys(), key=str)
    ]
    return sorted((each for each in found if each.more_minor), key=lambda each: -abs(each.more_minor))


def _split(line: LineItem) -> Iterator[tuple[Mapping[str, str], Decimal | None, int]]:
    """A line, or what it is shown by."""
    if line.kind not in BY_NAME:
        yield {}, None, line.amount_minor  # of several products, in units of their own
    elif line.portions:
        for each in line.portions:
            yield {**line.dimensions, **each.dimensions}, each.quantity, each.amount_minor
    else:
        yield line.dimensions, line.quantity, line.amount_minor


def _thing(line: LineItem) -> Thing:
    return line.kind, line.meter if line.kind in BY_NAME else None


def _names(lines: Iterable[LineItem]) -> Mapping[Thing, set[str]]:
    found: dict[Thing, set[str]] = {}
    for line in lines:
        for dimensions, _, _ in _split(line):
            found.setdefault(_thing(line), set()).update(dimensions)
    return found


def _shared(now: Mapping[Thing, set[str]], before: Mapping[Thing, set[str]]) -> Mapping[Thing, set[str]]:
    """Who is on one of the bills alone keeps all its names."""
    return {
        thing: now.get(thing, before.get(thing, set())) & before.get(thing, now.get(thing, set()))
        for thing in {*now, *before}
    }


def _parts(lines: Iterable[LineItem], names: Mapping[Thing, set[str]]) -> dict[Key, Part]:
    found: dict[Key, Part] = {}
    with exact():
        for line in lines:
            thing = _thing(line)
            for dimensions, quantity, minor in _split(line):
                kept = tuple(sorted((name, value) for name, value in dimensions.items() if name in names[thing]))
                part = Part(line.title, line.unit, quantity, minor)
                known = found.get((thing, kept))
                found[thing, kept] = part if known is None else _added(known, part)
    return found


def _added(one: Part, other: Part) -> Part:
    add = one.unit == other.unit and one.quantity is not None and other.quantity is not None
    quantity = one.quantity + other.quantity if add else None  # type: ignore[operator]
    return Part(one.title, one.unit, quantity, one.minor + other.minor)

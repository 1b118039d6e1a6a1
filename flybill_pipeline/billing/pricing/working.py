"""The working of a line as data: the steps by which a quantity became an amount. No step is computed here."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cache, lru_cache
from json.encoder import encode_basestring_ascii as quoted
from typing import Any, NamedTuple

from flybill_pipeline.billing.money.decimals import ZERO, plain

BELOW_ZERO = "below_zero"
"""The kind of step that says that a level was below zero for some time, and counted as zero."""


class WorkingStep(NamedTuple):
    """One step; what it does not use is None, and the amounts (exact, major units) of all steps sum to the line's.

    `step` is one of free_units, units, tier, packages, percentage, flat, part_of_month, minimum_spend, maximum_spend,
    below_zero, and whatever other kinds of lines add. A tier covers the quantities in (`from_quantity`, `up_to`]; for
    packages, `quantity` is how many were started.
    """

    step: str
    amount: Decimal = ZERO
    quantity: Decimal | None = None
    unit_amount: Decimal | None = None
    flat_amount: Decimal | None = None
    from_quantity: Decimal | None = None
    up_to: Decimal | None = None
    package_size: Decimal | None = None
    rate: Decimal | None = None
    limit: Decimal | None = None
    note: str | None = None


# `from` cannot be a field's name in Python, but it is what a reader of the JSON expects beside `up_to`.
_JSON_NAMES = {"from_quantity": "from"}
_TEXTS = ("step", "note")
_KEYS = tuple(_JSON_NAMES.get(name, name) for name in WorkingStep._fields)
_SORTED_KEYS = sorted((key, place) for place, key in enumerate(_KEYS))


def working_data(working: Iterable[WorkingStep]) -> list[dict[str, str]]:
    """The working as JSON-able data: decimals are plain digit strings (never 1E-7), unused fields are left out."""
    return [_step_data(step) for step in working]


class WorkingText(NamedTuple):
    """The working as JSON texts: `data` is what `working_data` gives, `pairs` the same sorted by key, to be hashed."""

    data: str
    pairs: str


def working_text(working: Iterable[WorkingStep]) -> WorkingText:
    """The working of a line, written out once for all who need it."""
    steps = [_step_text(step) for step in working]
    return WorkingText(f"[{','.join([step.data for step in steps])}]", f"[{','.join([step.pairs for step in steps])}]")


def working_from(data: Iterable[Mapping[str, str]]) -> tuple[WorkingStep, ...]:
    """The working that `working_data` gave as `data`."""
    return tuple(_step_from(step) for step in data)


def _step_from(data: Mapping[str, str]) -> WorkingStep:
    values: dict[str, Any] = {
        name: data[key] if name in _TEXTS else Decimal(data[key])
        for name, key in zip(WorkingStep._fields, _KEYS, strict=True)
        if key in data
    }
    return WorkingStep(**values)


def _step_data(step: WorkingStep) -> dict[str, str]:
    return {
        key: value if isinstance(value, str) else plain(value)
        for key, value in zip(_KEYS, step, strict=True)
        if value is not None
    }


class _Shape(NamedTuple):
    """How steps of the same fields are written: where their values are, sorted by key, and both texts around them."""

    places: tuple[int, ...]
    data: str
    pairs: str


@cache  # there are as many as there are kinds of steps
def _shape(unused: tuple[bool, ...]) -> _Shape:
    keys = [(key, place) for key, place in _SORTED_KEYS if not unused[place]]
    data = ",".join([f'"{key}":%s' for key, _ in keys])
    pairs = ",".join([f'["{key}",%s]' for key, _ in keys])
    return _Shape(tuple([place for _, place in keys]), f"{{{data}}}", f"[{pairs}]")


@lru_cache(maxsize=1_000)  # a tier that is full is the same step of many lines
def _step_text(step: WorkingStep) -> WorkingText:
    # Written by hand, since json.dumps would take half as long as all of rating; only texts can need escapes.
    shape = _shape(tuple([value is None for value in step]))
    values = [step[place] for place in shape.places]
    written = tuple([f'"{plain(value)}"' if isinstance(value, Decimal) else quoted(str(value)) for value in values])
    return WorkingText(shape.data % written, shape.pairs % written)

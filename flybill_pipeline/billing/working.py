"""The working of a line as data: the steps by which a quantity became an amount. No step is computed here."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from flybill_pipeline.billing.decimals import ZERO, plain


class WorkingStep(NamedTuple):
    """One step; what it does not use is None, and the amounts (exact, major units) of all steps sum to the line's.

    `step` is one of free_units, units, tier, packages, percentage, flat, minimum_spend, maximum_spend, and whatever
    other kinds of lines add. A tier covers the quantities in (`from_quantity`, `up_to`]; for packages, `quantity` is
    how many were started.
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


def working_data(working: Iterable[WorkingStep]) -> list[dict[str, str]]:
    """The working as JSON-able data: decimals are plain digit strings (never 1E-7), unused fields are left out."""
    return [_step_data(step) for step in working]


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

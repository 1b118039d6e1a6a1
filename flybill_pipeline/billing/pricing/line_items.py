"""A line of a bill as a value: its fields, its id, the sum of several. How usage becomes lines: usage_lines.py."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from flybill_pipeline.billing.money.decimals import ZERO
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.portions import Portion
from flybill_pipeline.billing.pricing.working import WorkingStep


class LineItem(NamedTuple):
    """One priced row of an org's month with its working.

    `amount` is exact, in major units; `amount_minor` is it rounded once, and the only number that is summed. `line_id`
    is the same whenever the same thing is priced again; `kind` is usage, or one of the other modules' kinds. `usage` is
    the sum of the recorded quantities behind the line, before any aggregation or conversion: what accounts for them.
    `title` is what people read of the meter, as it stands in `description`; None where there is no meter. `portions`
    show the line by dimensions of its usage, and sum to it; empty where its price says nothing of that.
    """

    kind: str
    line_id: str
    meter: str | None
    dimensions: Mapping[str, str]
    service_month: Month
    quantity: Decimal
    unit: str | None
    amount: Decimal
    amount_minor: int
    currency: str
    description: str
    working: tuple[WorkingStep, ...] = ()
    usage: Decimal = ZERO
    title: str | None = None
    portions: tuple[Portion, ...] = ()


def line_id(kind: str, service_month: Month | str, *identity: object) -> str:
    """The id of a line: a hash of what it is a line of, the same when priced again. `identity` must be JSON-able."""
    text = json.dumps([kind, str(service_month), *identity], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def total_minor(lines: Iterable[LineItem]) -> int:
    """The sum of the lines in minor units: what an invoice of them asks for."""
    return sum(line.amount_minor for line in lines)

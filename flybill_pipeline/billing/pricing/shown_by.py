"""What each combination of the values that a line is shown by adds to its quantity. Shares of money: portions.py."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from flybill_pipeline.billing.pricing.going_on import Quantities
from flybill_pipeline.billing.pricing.line_groups import Group
from flybill_pipeline.billing.pricing.line_heads import LineHead
from flybill_pipeline.billing.pricing.portions import Values
from flybill_pipeline.billing.usage.meters import Rounding
from flybill_pipeline.billing.usage.totals import UsageTotal


def used_by(group: Group, quantities: Quantities) -> dict[Values, Decimal]:
    """The quantities by the values, before the whole line is rounded; without those that add nothing."""
    head, totals = group.head, group.own if group.head.whole_month else group.month
    by_values: dict[Values, list[UsageTotal]] = {}
    for total in totals:
        values = tuple([(name, total.dimensions.get(name, "")) for name in sorted(head.show_by)])
        by_values.setdefault(values, []).append(total)
    unrounded = head._replace(meter=replace(head.meter, round=Rounding.NONE))
    used = {values: _added(unrounded, own, quantities) for values, own in by_values.items()}
    return {values: quantity for values, quantity in used.items() if quantity}


def _added(head: LineHead, totals: Sequence[UsageTotal], quantities: Quantities) -> Decimal:
    if head.whole_month:
        return quantities(head, totals, None)
    start, end = (quantities(head, totals, day) for day in (head.part.start, head.part.end))
    return end - start

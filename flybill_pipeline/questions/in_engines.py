"""What an engine says now of the totals of a line that came from it: its events, and whether they still add up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from flybill_pipeline.billing.money.decimals import ZERO, exact
from flybill_pipeline.billing.usage.tables import NotPulledError

if TYPE_CHECKING:
    from flybill_pipeline.stores.usage.engines.day_totals import EngineEvent, EngineTable

Dimensions = tuple[tuple[str, str], ...]


class TotalKey(NamedTuple):
    """Which total of a source's table it is, of one organization and meter."""

    source: str
    day: date
    dimensions: Dimensions


class Differing(NamedTuple):
    """A total that is another one in the engine by now: what came, and what is there."""

    day: date
    dimensions: Dimensions
    came: Decimal
    there: Decimal


@dataclass(frozen=True, slots=True)
class InEngine:
    """The events behind the totals from one table: the first of them, how many there are, what they add up to.

    `unanswered` says why the engine did not tell, else "". Where totals are `differing`, rows came or went since.
    """

    source: str
    came: Decimal
    events: Sequence["EngineEvent"] = ()
    count: int = 0
    quantity: Decimal = ZERO
    differing: Sequence[Differing] = ()
    unanswered: str = ""


def ask_engine(
    table: "EngineTable", org_id: str, meter: str, totals: Mapping[TotalKey, Decimal], most: int
) -> InEngine:
    """What the engine says of these totals, which are of one organization and meter; up to `most` of its events."""
    days = sorted(key.day for key in totals)
    shown, count, there = list["EngineEvent"](), 0, dict.fromkeys(totals, ZERO)
    with exact():
        came = sum(totals.values(), ZERO)
        try:
            for event in table.events(org_id, meter, (days[0], days[-1])):
                key = TotalKey(table.key, event.day, tuple(sorted(event.dimensions.items())))
                if key in there:
                    there[key] += event.quantity
                    count += 1
                    shown += [event] if count <= most else []
        except NotPulledError as error:
            return InEngine(table.name, came, unanswered=str(error))
        quantity = sum(there.values(), ZERO)
    differing = [
        Differing(key.day, key.dimensions, total, there[key])
        for key, total in sorted(totals.items())
        if there[key] != total
    ]
    return InEngine(table.name, came, shown, count, quantity, differing)

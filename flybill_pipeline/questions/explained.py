"""Why a line is what it is: its raw events, one by one. Which events are a line's, the step knows.

Events are read while they are iterated, so that a line of ten million of them takes no memory.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache

from flybill_pipeline.billing.invoicing.outcomes import HELD
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.questions.owed import draft_now
from flybill_pipeline.steps.pricing.explain_lines import Explained, Lakes, explain_lines
from flybill_pipeline.stores.usage.lake.lake import UsageLake
from flybill_pipeline.stores.usage.months.measured_usage import MeasuredUsage
from flybill_pipeline.toolbox.tools import Toolbox


def explained(tools: Toolbox, org_id: str, month: Month, number: int | None, now: datetime) -> Iterator[Explained]:
    """The lines of the org's month with their events. Raises NoSuchLineError."""
    (org,) = tools.organizations.all(org_ids=[org_id])
    facts = tools.statements.facts(org_id, month)
    if facts is not None and facts.outcome not in (None, HELD):
        lines, lakes = tools.recorded_lines.of(org_id, month), _lakes_of_settled(tools, org_id, month)
    else:
        shard, books = tools.shard_of(org_id), tools.books(month)
        accounts = tools.accounts_of(tools.usage)
        lines = draft_now(org, shard, month, tools.usage, books, tools.drafts, now, accounts).lines
        lakes = _lakes_of_open(tools, org_id, month)
    return explain_lines(org_id, org.contract, lines, lakes, cache(tools.books), number)


class Looking:
    """A lake as the step looks into it."""

    def __init__(self, lake: UsageLake) -> None:
        self.events, self.version, self._measured = lake.events, lake.version, MeasuredUsage(lake)

    def levels(self, org_id: str, before: date, meter: str) -> Iterator[tuple[str, Decimal]]:
        """What all events before a day add up to."""
        for found in self._measured.levels(before, [meter], org_ids=[org_id]):
            yield found.dimensions, found.level


def _lakes_of_settled(tools: Toolbox, org_id: str, month: Month) -> Callable[[Month], Lakes]:
    known = tools.recorded_lines.priced_from(org_id, month)
    if known is None:  # settled before this was written down: the usage of today is the best there is
        return _lakes_of_open(tools, org_id, month)
    priced = Looking(tools.lake_as_of(tools.pricing_inputs.find(known)))
    return lambda service: Lakes(priced, _before(tools, org_id, month, service), Looking(tools.lake))


def _lakes_of_open(tools: Toolbox, org_id: str, month: Month) -> Callable[[Month], Lakes]:
    return lambda service: Lakes(Looking(tools.lake), _before(tools, org_id, month, service))


def _before(tools: Toolbox, org_id: str, month: Month, service: Month) -> Looking | None:
    """The lake of the last settled month that billed `service` too."""
    earlier = None if service >= month else tools.recorded_lines.priced_from(org_id, month, since=service)
    return None if earlier is None else Looking(tools.lake_as_of(tools.pricing_inputs.find(earlier)))


def files_of(tools: Toolbox) -> Mapping[int, str]:
    """The landed file of each number of arrival."""
    return {file.arrival: file.path for file in tools.catalog.files()}

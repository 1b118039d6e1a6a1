"""What has landed beside what a month was, or would be, priced from. Reads the landing zone and the catalog only."""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date
from typing import Protocol

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.usage.backlog import Backlog, Landing
from flybill_pipeline.billing.usage.files import LandedFile
from flybill_pipeline.stores.pricing.inputs import PricingInputs
from flybill_pipeline.stores.usage.lake.catalog import LakeCatalog
from flybill_pipeline.stores.usage.lake.landed_days import landed_days


class LandingZone(Protocol):
    """Where exporters put files."""

    def files(self) -> Iterable[LandedFile]: ...


class UsageBacklog:
    """The files that nobody has read, and the days that a month is priced without.

    `tables_behind` names the tables in engines that were not looked at as a close wants it.
    """

    def __init__(
        self,
        landing: LandingZone,
        catalog: LakeCatalog,
        inputs: PricingInputs,
        tables_behind: Callable[[Landing], Iterable[str]] = lambda _: (),
    ) -> None:
        self._landing, self._tables_behind = landing, tables_behind
        self._catalog = catalog
        self._inputs = inputs

    def missing(self, month: Month, priced_from: Collection[str | None], landing: Landing) -> Backlog:
        """What had landed and is not in the inputs `priced_from`, of drafts of the month; None: no inputs are known."""
        known = [self._inputs.find(inputs).days if inputs else {} for inputs in sorted(priced_from, key=str)]
        return self._beside(month, known, landing)

    def unread(self, month: Month, landing: Landing) -> Backlog:
        """What had landed and would not be in the month's drafts, were they priced now."""
        return self._beside(month, [self._inputs.compiled(month)], landing)

    def _beside(self, month: Month, known: Iterable[Mapping[date, str]], landing: Landing) -> Backlog:
        waiting = self._catalog.unread(self._landing.files())
        files = [file.path for file in waiting if not landing.leaves_out(file.modified_ns)]
        days = {
            each.day
            for versions in known
            for each in landed_days(self._catalog.engine, month.end.date(), versions, landing)
            if each.is_behind
        }
        return Backlog(tuple(files), tuple(sorted(days)), tuple(self._tables_behind(landing)))

"""The tools of usage at rest: the landing zone, the lake, its catalog. Months of it are measured by `pricing`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from flybill_pipeline.billing.invoicing.forecast import known_through
from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.usage.backlog import Landing as LandedBy
from flybill_pipeline.billing.usage.known_sources import require_known_sources
from flybill_pipeline.settings import Settings
from flybill_pipeline.stores.usage.months.health import Arrival, UsageHealth
from flybill_pipeline.toolbox.deployment import Deployment
from flybill_pipeline.toolbox.lately import Lately

if TYPE_CHECKING:
    from flybill_pipeline.billing.usage.tables import LastLook, TakenTable
    from flybill_pipeline.stores.usage.engines.ledger import PulledTables
    from flybill_pipeline.stores.usage.engines.summing import Summing
    from flybill_pipeline.stores.usage.intake.landing import Landing
    from flybill_pipeline.stores.usage.intake.source_mapping import SourceMapping
    from flybill_pipeline.stores.usage.intake.zones import Zone
    from flybill_pipeline.stores.usage.lake.catalog import LakeCatalog
    from flybill_pipeline.stores.usage.lake.file_accounts import FileAccounts
    from flybill_pipeline.stores.usage.lake.lake import UsageLake
    from flybill_pipeline.stores.usage.lake.left_out import LeftOut
    from flybill_pipeline.stores.usage.lake.storage import Storage

MONTHS_REMEMBERED = 12
LATE = timedelta(days=1)
"""What comes in the first day after its own is usual; a day that is older rarely changes."""


def summing_of(settings: Settings) -> "Summing | None":
    """The engine that sums days in the place of our own; it is not spoken to yet."""
    from flybill_pipeline.stores.usage.engines.summing import summing

    url = settings.usage_engine_url
    return summing(settings.usage_engine, None if url is None else url.get_secret_value())


@dataclass(frozen=True)
class UsageTools(Deployment):
    """Where usage is landed, and where it is kept."""

    @cached_property
    def landing(self) -> "Landing":
        from flybill_pipeline.stores.usage.intake.landing import Landing

        return Landing(self.settings.landing_url, self.sources, self._first_day)

    @cached_property
    def sources(self) -> "Mapping[str, SourceMapping]":
        """What is read from the landing zone, and how, by name."""
        from flybill_pipeline.stores.usage.intake.sources import load_sources

        return load_sources(self.settings.sources)

    @cached_property
    def landing_zone(self) -> "Zone":
        """The landing zone for who only looks which files are there."""
        from flybill_pipeline.stores.usage.intake.open_zone import zone_at

        return zone_at(self.settings.landing_url)

    @cached_property
    def pulled_tables(self) -> "PulledTables":
        from flybill_pipeline.stores.usage.engines.ledger import PulledTables

        return PulledTables(self.engine)

    @property
    def _first_day(self) -> date:
        """What is older than this was written by a clock that was wrong."""
        return Month.parse(self.settings.first_month).first_day

    @cached_property
    def catalog(self) -> "LakeCatalog":
        from flybill_pipeline.stores.usage.lake.catalog import LakeCatalog

        return LakeCatalog(self.engine)

    @cached_property
    def lake_storage(self) -> "Storage":
        """Where the lake lies. Raises AddressError when no folder can be there."""
        from flybill_pipeline.stores.usage.lake.storage import storage_at

        return storage_at(self.settings.lake_url, self.settings.home)

    @cached_property
    def lake(self) -> "UsageLake":
        from flybill_pipeline.stores.usage.lake.lake import Intake, UsageLake

        return UsageLake(
            self.lake_storage,
            self.catalog,
            shards=self.shards,
            intake=Intake(self.sources, self._first_day, self.landing_zone.folder),
            engine=lambda: summing_of(self.settings),
        )

    def gather_usage(self, part: ShardMonth) -> None:
        """Puts the daily totals of the shard's month, and of the one before, together where pages read them sooner."""
        from flybill_pipeline.stores.usage.months.gathering import gather

        for month in (part.month.previous(), part.month):
            gather(self.lake, month, part.shard, before=part.now.date() - LATE)

    @cached_property
    def left_out(self) -> "LeftOut":
        from flybill_pipeline.stores.usage.lake.left_out import LeftOut

        return LeftOut(self.lake)

    @cached_property
    def file_accounts(self) -> "FileAccounts":
        from flybill_pipeline.stores.usage.lake.file_accounts import FileAccounts

        return FileAccounts(self.lake)

    @cached_property
    def usage_health(self) -> UsageHealth:
        return UsageHealth(self.engine)

    def tables_behind(self, since: datetime) -> dict[str, datetime | None]:
        """The sources whose table in an engine was not looked at since then: name → when it last was, if ever."""
        looked = {name: look.at if look else None for name, look in self._last_looks().items()}
        return {name: at for name, at in looked.items() if at is None or at < since}

    def tables_to_close(self, landing: LandedBy) -> list[str]:
        """The sources whose table a close waits for: it was not looked at lately, or not as a whole."""
        last = self._last_looks()
        compared = {
            name for name, look in last.items() if look and look.whole_at and look.whole_at >= landing.compared_since
        }
        behind = self.tables_behind(landing.looked_since)
        return [name for name in last if name in behind or name not in compared]

    def taken_tables(self) -> "list[TakenTable]":
        """What was taken of each source whose usage stays in an engine; no engine is asked."""
        from flybill_pipeline.billing.usage.tables import TakenTable

        last = self._last_looks()
        taken, behind = (
            self.pulled_tables.taken() if last else {},
            self.tables_to_close(LandedBy(self.now(), self.now())),
        )
        nothing = (None, 0, 0)
        found = [
            (name, taken.get((self.sources[name].key, self.sources[name].fingerprint()), nothing)) for name in last
        ]
        return [TakenTable(name, last[name], *of_table, name in behind) for name, of_table in found]

    def _last_looks(self) -> "dict[str, LastLook | None]":
        tables = [source for source in self.sources.values() if source.table]
        last = self.pulled_tables.last() if tables else {}
        return {source.name: last.get((source.key, source.fingerprint())) for source in tables}

    def require_known_sources(self) -> None:
        """Raises LostSourceError when a file that was read belongs to another source now, or to none."""
        landing = self.landing
        require_known_sources(list(landing.files()), self.catalog.read(), landing.source_ids(), landing.has)

    def unread_files(self, source: str | None = None) -> list[str]:
        """The landed files that wait to be read, of one source where it is given, each named with its version."""
        from flybill_pipeline.stores.usage.intake.zones import oldest_first

        as_read = self.catalog.as_read()
        others = list(self.landing_zone.files(self.sources.values(), seen_only=True, as_read=as_read))
        unread = self.catalog.unread(others) if others else []
        return [
            f"{file.path}:{file.size}:{file.modified_ns}:{file.changed_ns}"
            for file in oldest_first(unread)
            if source in (None, file.source)
        ]

    @cached_property
    def unread_lately(self) -> Lately[list[str]]:
        """`unread_files` as they were some seconds ago, for who asks often: there may be a year of files."""
        return Lately(self.unread_files)

    def unrecorded_days(self, month: Month) -> tuple[date, ...]:
        """The days whose usage was read and is not in what the month is priced from yet, of those that it bills."""
        first = month
        for _ in range(self.settings.lookback_months):
            first = first.previous()
        return self.catalog.days_to_record(first.first_day, month.end.date())

    def last_arrivals(self, month: Month) -> dict[str, Arrival]:
        """The key of each source that brought something since the month began → the last that it brought."""
        return self.usage_health.last_arrivals(month.start, [source.key for source in self.sources.values()])

    def known_up_to(self, month: Month, arrived: Iterable[Arrival]) -> datetime | None:
        """Up to when the month's usage is known, of sources that brought this last; None for not at all."""
        told = [each.told_to for each in arrived if each.told_to is not None]
        known = known_through(told, self.unrecorded_lately(month)() if told else (), self.now())
        return known if known and known > month.start else None

    @cached_property
    def unrecorded_lately(self) -> Callable[[Month], Lately[tuple[date, ...]]]:
        """`unrecorded_days` as they were some seconds ago."""
        return lru_cache(maxsize=MONTHS_REMEMBERED)(lambda month: Lately(lambda: self.unrecorded_days(month)))

    def uncompared_pieces(self) -> Sequence[str]:
        """What a reading of the landing zone that was cut off has left to do: a day is not recorded well without it."""
        return self.catalog.uncompared()

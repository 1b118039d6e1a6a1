"""The usage lake: immutable Parquet files of events and their daily totals. Which files count is in catalog.py.

Layout below the lake's root: `events/day=…/` good rows, `quarantine/` bad ones, `excluded/day=…/` rows that do not
count, `daily/day=…/` totals, `measures/` what was made of days to be read sooner, `work/` for what is being written.
"""

# ruff: noqa: S608 - DuckDB takes no parameters for files and columns; whatever comes from outside is quoted

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb

from flybill_pipeline.billing.money.decimals import exact
from flybill_pipeline.billing.usage.files import FIRST_DAY, Arrival, Broken, EventKey, Manifest, NotRead, Rollup, Taken
from flybill_pipeline.stores.files.duck import Limits, duck, lacks_a_column, parquet_rows
from flybill_pipeline.stores.postgres.shards import former_counts
from flybill_pipeline.stores.usage.lake import cross_days
from flybill_pipeline.stores.usage.lake import days as usage_days
from flybill_pipeline.stores.usage.lake.aliases import Aliases
from flybill_pipeline.stores.usage.lake.catalog import LakeCatalog
from flybill_pipeline.stores.usage.lake.conditions import condition, of_shard, scope
from flybill_pipeline.stores.usage.lake.gathered import fewest_files
from flybill_pipeline.stores.usage.lake.guard import Guard
from flybill_pipeline.stores.usage.lake.owned_rows import owners_of
from flybill_pipeline.stores.usage.lake.ownership import LakeError
from flybill_pipeline.stores.usage.lake.restated import turns
from flybill_pipeline.stores.usage.lake.storage import Storage

if TYPE_CHECKING:
    from flybill_pipeline.stores.usage.engines.summing import Summing
    from flybill_pipeline.stores.usage.intake.sources import SourceMapping

BATCH = 10_000
UNREADABLE = (duckdb.IOException, duckdb.InvalidInputException, duckdb.InternalException, duckdb.OutOfMemoryException)
"""What DuckDB raises when a file is no whole Parquet file, or the machine is short of something."""


class Total(NamedTuple):
    """What an organization used of one meter with one set of dimensions in a service month (or on one `day` of it).

    `dimensions` is canonical JSON, `month` is YYYY-MM, `last_event_at` is UTC.
    """

    org_id: str
    meter: str
    dimensions: str
    quantity: Decimal
    events: int
    corrections: int
    month: str
    day: date | None
    last_event_at: datetime


class Event(NamedTuple):
    """One usage event that counts, with the landed file (its number of arrival) and row that it came from."""

    source: str
    event_id: str
    org_id: str
    meter: str
    dimensions: str
    quantity: Decimal
    occurred_at: datetime
    arrival: int
    row: int


class BadRow(NamedTuple):
    """A row in quarantine: where it is, why, in words too, and what it looks like."""

    source: str
    file: str
    row: int
    reason: str
    message: str
    raw: str | None


class ExcludedRow(NamedTuple):
    """A row that does not count: its id was there before (`kind` is duplicate or conflict), or its sum is too_large."""

    source: str
    event_id: str
    org_id: str
    meter: str
    dimensions: str
    quantity: Decimal
    occurred_at: datetime
    arrival: int
    row: int
    kind: str


@dataclass(frozen=True, slots=True)
class Intake:
    """What files are taken in by: the sources, by name, the first day of usage, and the landing zone."""

    sources: "Mapping[str, SourceMapping]"
    first_day: date = FIRST_DAY
    landing: Path | None = None


NOTHING_TAKEN_IN = Intake({})


class UsageLake:
    """The lake in `storage`, whose files the catalog knows; `intake` is needed for taking files in only.

    Files are read only as they were written. Where money is made of them, `checks_contents`: else their size must do.
    Raises LakeError (ownership.py) when one is not as it was. An `engine` sums days in the place of ours.
    """

    def __init__(
        self,
        storage: Storage,
        catalog: LakeCatalog,
        *,
        shards: int,
        intake: Intake = NOTHING_TAKEN_IN,
        engine: "Callable[[], Summing | None]" = lambda: None,
        checks_contents: bool = False,
    ) -> None:
        self.storage, self.root = storage, storage.root
        self.catalog = catalog
        self.aliases = Aliases(catalog.engine)
        self.shards = shards
        self.sources = {source.key: source for source in intake.sources.values()}
        self.first_day = intake.first_day
        self.limits, self.intake_limits = Limits(), Limits(reads=(intake.landing,) if intake.landing else ())
        self.engine, self.checks_contents = engine, checks_contents
        self.guard = Guard(storage, catalog.engine)
        self._old = set[str]()  # daily totals that are read with some that know no corrections

    # Writing: what the steps call. Who only asks does not wait for what reads files of all kinds.

    def take(self, arrival: Arrival) -> Taken | Broken | NotRead:
        """Reads a landed file into pieces and quarantine; see take.take_file."""
        from flybill_pipeline.stores.usage.intake.take import take_file

        self.guard.require_own()
        source = self.sources[arrival.file.source]
        outcome = take_file(self.root, arrival, source, self.intake_limits, self.first_day)
        if isinstance(outcome, Taken):
            self.guard.keep([piece.path for piece in outcome.pieces])
            self.guard.keep(filter(None, [outcome.quarantine_path]))
        return outcome

    def conflicts_over_days(self, pieces: Sequence[str]) -> Mapping[date, Sequence[EventKey]]:
        """The ids of `pieces` that arrived first on another day; see cross_days.conflicts_over_days."""
        self.guard.require(pieces, contents=False)
        return cross_days.conflicts_over_days(self.root, pieces, self.limits, self._turns())

    def make_manifest(self, day: date, pieces: Sequence[str], exclusions: Sequence[EventKey]) -> Manifest:
        """Decides which rows of a day count, and whose they are; see usage_days.make_manifest."""
        self.guard.require(pieces, contents=True)
        known = usage_days.Known(self._turns(), owners_of(self.root, day, pieces, self.aliases, self.limits))
        manifest = usage_days.make_manifest(self.root, day, pieces, exclusions, self.limits, known)
        self.guard.keep([file for file in manifest.files if file not in manifest.pieces])
        return manifest

    def _turns(self) -> Mapping[int, int]:
        return turns(self.catalog.engine, [source.key for source in self.sources.values() if source.restates])

    def make_rollup(self, manifest: Manifest) -> Rollup:
        """Writes the exact totals of a day; see summed_days.make_rollup."""
        from flybill_pipeline.stores.usage.lake import summed_days

        self.guard.require(manifest.files, contents=True)
        rollup = summed_days.make_rollup(self.root, manifest, self.shards, self.limits, self.engine())
        self.guard.keep([rollup.path])
        return rollup

    def of_shard(self, shard: int | None) -> Mapping[str, int]:
        """A condition on rows of totals or measures: those of the shard; none for None."""
        return {} if shard is None else of_shard(shard, self.shards, self._formerly)

    _formerly = cached_property[tuple[int, ...]](lambda self: former_counts(self.catalog.engine))

    def monthly_totals(
        self,
        days: Iterable[date],
        *,
        shard: int | None = None,
        org_ids: Sequence[str] | None = None,
        days_from: date | None = None,
        without: Collection[str] = (),
    ) -> Iterator[Total]:
        """Exact totals of the compiled ones of `days` per org, meter, dimensions and service month, in that order.

        Only the orgs of `shard`, or of `org_ids`, when given, and no meters of `without`. With `days_from`
        a total for each day from then on; what was before is one, of that day.
        """
        paths = self.totals_of(days, shard, org_ids)
        where, parameters = condition(
            {**scope(self.of_shard(shard), org_ids), "not list_contains(?, meter)": sorted(without) or None}
        )
        found = self.query_totals(paths, lambda rows: usage_days.totals_query(rows, where, days_from), parameters)
        for org, meter, dimensions, quantity, events, corrections, month, day, last in found:
            yield Total(org, meter, dimensions, Decimal(quantity), events, corrections, month, day, _utc(last))

    def totals_of(self, days: Iterable[date], shard: int | None, org_ids: Collection[str] | None) -> list[str]:
        """Where the daily totals of `days` are: for some orgs of a shard in as few files as there are."""
        found = self.catalog.rollups(days)
        return self.places(fewest_files(self.guard.here, found, shard, self.shards) if org_ids else found.values())

    def by_meter(self, days: Iterable[date]) -> dict[str, Decimal]:
        """The exact quantity of all orgs on the compiled ones of `days`, per meter."""
        paths = self.catalog.rollups(days).values()
        if not paths:
            return {}
        # Whole units and fractions are summed apart: all orgs together may have more than a decimal holds.
        query = f"""select meter, sum(trunc(quantity)::hugeint), sum(quantity - trunc(quantity))
                    from {self.file_rows(paths)} group by meter"""
        with exact():
            return {meter: whole + fraction for meter, whole, fraction in self.query(query, [])}

    def events(self, org_id: str, days: Iterable[date], meter: str | None = None) -> Iterator[Event]:
        """The events of one org that count, as of the last recording of `days`, by time and then order of arrival."""
        manifests = [manifest for _, manifest in sorted(self.catalog.manifests(days).items())]
        files = [file for manifest in manifests for file in manifest.files]
        self.guard.require(files, contents=False)  # a month of events would take long to read twice
        where, parameters = condition({"org_id = ?": org_id, "meter = ?": meter})
        for some in usage_days.growing(manifests):
            rows = " union all ".join(f"from ({usage_days.counted_rows(self.root, manifest)})" for manifest in some)
            query = f"select {', '.join(Event._fields)} from ({rows}) where {where} order by occurred_at, arrival, row"
            for event in map(Event._make, self.query(query, parameters)):
                yield event._replace(occurred_at=_utc(event.occurred_at))

    def versions(self, days: Iterable[date]) -> dict[date, str]:
        """Names the events of each of the days that its totals are made of; of none that was never compiled."""
        return {day: PurePosixPath(path).stem for day, path in self.catalog.rollups(days).items()}

    def quarantine(self, source: str | None = None, *, newest_first: bool = False) -> Iterator[BadRow]:
        """The rows in quarantine, by arrival of their file (or backwards), then row; of one source when it is given."""
        paths = [file.quarantine_path for file in self.catalog.files() if file.quarantine_path is not None]
        where, parameters = condition({"source = ?": source})
        columns, order = ", ".join(BadRow._fields), "arrival desc" if newest_first else "arrival"
        query = f"select {columns} from {{rows}} where {where} order by {order}, row"
        yield from (BadRow(*row) for row in self.rows(paths, query, parameters))

    def excluded(self, days: Iterable[date], *kinds: str) -> Iterator[ExcludedRow]:
        """The rows of `days` that do not count; of `kinds` when given ("conflict" are those with other content)."""
        manifests = self.catalog.manifests(days).values()
        paths = [manifest.excluded_path for manifest in manifests if manifest.excluded_path is not None]
        where, parameters = condition({"list_contains(?, kind)": list(kinds) or None})
        columns, order = ", ".join(ExcludedRow._fields), "source, event_id, arrival, row"
        query = f"select {columns} from {{rows}} where {where} order by {order}"
        for row in map(ExcludedRow._make, self.rows(paths, query, parameters)):
            yield row._replace(occurred_at=_utc(row.occurred_at))

    def rows(self, paths: Sequence[str], query: str, parameters: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
        """The rows of a query on `{rows}`, those of these files of the lake; none where there are no files."""
        if paths:
            yield from self.query(query.format(rows=self.file_rows(paths)), parameters)

    def file_rows(self, paths: Collection[str]) -> str:
        """A FROM item for the rows of these files of the lake; there must be one at least."""
        return parquet_rows(self.places(paths))

    def places(self, paths: Collection[str]) -> list[str]:
        """Where these files of the lake are. Raises LakeError when one is not as it was written."""
        self.guard.require(paths, contents=self.checks_contents)
        return [str(self.root / path) for path in paths]

    def query(self, query: str, parameters: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
        """The rows of a query on files of the lake."""
        with duck(self.root, self.limits) as connection:
            try:
                result = connection.execute(query, list(parameters))
                while rows := result.fetchmany(BATCH):
                    yield from rows
            except UNREADABLE as error:
                raise LakeError(f"the lake {self.root} cannot be read: {str(error).splitlines()[0]}") from error

    def query_totals(
        self, places: Sequence[str], query: Callable[[str], str], parameters: Sequence[Any]
    ) -> Iterator[tuple[Any, ...]]:
        """The rows of a sorted or grouped query on a FROM item for these daily totals."""
        if self._old.isdisjoint(places):
            try:  # a column that is not there is told before the first row, as all files are read for it
                yield from self.query(query(usage_days.totals_rows(places)), parameters)
            except (duckdb.BinderException, LakeError) as error:
                if not lacks_a_column(error):
                    raise
                self._old.update(places)
            else:
                return
        yield from self.query(query(usage_days.totals_rows(places, old=True)), parameters)


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)

"""Runs Dagster's jobs in this process, recorded in Dagster's own storage: what the command line does, the UI shows.

No job is defined here and nothing is printed; progress is told to a callback.
"""

import atexit
import gc
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.noop_compute_log_manager import NoOpComputeLogManager

from flybill_pipeline.billing.invoicing.shards import shard_of
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.definitions import build_defs
from flybill_pipeline.defs import jobs
from flybill_pipeline.defs.close_began import BEGAN_TAG
from flybill_pipeline.defs.outgoing import send
from flybill_pipeline.defs.partitions import FAILED_ORG_MONTHS, month_key, month_shard_key, org_month_key
from flybill_pipeline.defs.still_closed import StillClosed
from flybill_pipeline.local.short_folders import plain_name
from flybill_pipeline.operating.dead_runs import PROCESS_TAG, dead_runs_ended
from flybill_pipeline.operating.job_runs import NOT_STARTED_AGAIN, noted_at_their_jobs
from flybill_pipeline.operating.run_reasons import reason_of
from flybill_pipeline.operating.stops import STOPPED, stoppable, was_stopped
from flybill_pipeline.settings import Settings, export_environment
from flybill_pipeline.stores.files.whole_copies import copy_whole
from flybill_pipeline.stores.postgres.database import open_engine
from flybill_pipeline.stores.postgres.presence import Presence, present
from flybill_pipeline.toolbox.publishing import publishes
from flybill_pipeline.toolbox.telling import mail
from flybill_pipeline.toolbox.tools import Toolbox
from flybill_pipeline.toolbox.wiring import build_toolbox

DAGSTER_YAML = Path(__file__).with_name("dagster.yaml")
"""A link to that of the project: a package that was built has the file itself."""
NOTHING_PRICED = "Until then nothing is priced or billed, as this usage would be missing."
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

NO_LOGS = {"module": NoOpComputeLogManager.__module__, "class": NoOpComputeLogManager.__name__, "config": {}}
"""What a command prints is for who typed it. Dagster would start four processes a run to copy it to files."""

Part = TypeVar("Part")
Progress = Callable[[str, int, int], None]
"""Told the stage, how much of it is done, and of how much."""


@dataclass(frozen=True)
class FailedRun:
    """A run that did not succeed: its job and partition, and the reason that Dagster recorded."""

    job: str
    partition: str | None
    reason: str


class Runner:
    """Starts flybill's jobs one partition a run, as a schedule would, and collects what failed."""

    def __init__(
        self, definitions: dg.Definitions, instance: dg.DagsterInstance, toolbox: Toolbox, process: str
    ) -> None:
        self._definitions = definitions
        self._instance = instance
        self._tags = {"flybill/started_by": "command line", PROCESS_TAG: process, **NOT_STARTED_AGAIN}
        self.toolbox = toolbox
        self.failed: list[FailedRun] = []
        self.unpublished: FailedRun | None = None
        self._began: datetime | None = None  # when usage was last brought in: what landed by then, a close counts
        self._usage_is_missing = False

    def ingest(self, progress: Progress) -> None:
        """Reads what is landed, then records and sums every day that it touched. Raises LostSourceError, LakeError.

        All of each table in an engine is compared with what came of it, whenever that was last done. When any of this
        fails nothing is priced afterwards: a month is not billed without usage that is there.
        """
        self.toolbox.lake.guard.require_own()
        self.toolbox.require_known_sources()
        self._began = self.toolbox.now()
        self.toolbox.pulled_tables.compare_again()
        for job in _counted("reading landed files", [jobs.READ_LANDED_FILES], progress):
            self._run(job)
        for day in _counted("recording usage, day by day", self.toolbox.catalog.days_to_record(), progress):
            self._run(jobs.INGEST_USAGE, day.isoformat())
        self.failed = [replace(run, reason=f"{run.reason.rstrip('.')}. {NOTHING_PRICED}") for run in self.failed]
        self._usage_is_missing = bool(self.failed)

    def close(self, month: Month, org_ids: Collection[str], progress: Progress) -> None:
        """Prices, finalizes and syncs a month: every shard of it, or those of `org_ids`.

        A shard that stands as a close left it is not run again.
        """
        if self._usage_is_missing:
            return
        self._try_stripe_at_once()
        asked = {shard_of(org, self.toolbox.shards) for org in org_ids} or set(range(self.toolbox.shards))
        failing = {shard_of(org, self.toolbox.shards) for org in self.toolbox.sync_ledger.breaker.failing()}
        shards = sorted(asked, key=lambda shard: (shard in failing, shard))  # while nobody is served, others try first
        before = None if org_ids else self._still_closed(month)
        for shard in _counted("pricing, finalizing, syncing, shard by shard", shards, progress):
            if before is not None and shard in before.shards:
                continue
            done = self._run(jobs.CLOSE_MONTH, month_shard_key(month, shard), _scope(org_ids), self._when_begun())
            if done and before is not None:
                before.keep(shard)

    def reconcile(self, month: Month, progress: Progress) -> None:
        """Compares the month with Stripe's own list, and shows where it stands, also when the list cannot be read."""
        for job in _counted("comparing with Stripe's own list", [jobs.RECONCILE_MONTH], progress):
            if not self._run(job, month_key(month)):
                self._run(jobs.SHOW_MONTH, month_key(month))

    def publish(self, progress: Progress) -> None:
        """Brings the lake's open tables up to date. Where that fails, `unpublished` says why: no bill waits for it."""
        if not publishes(self.toolbox):
            return
        for job in _counted("publishing the lake's open tables", [jobs.PUBLISH_LAKE], progress):
            if not self._run(job):
                self.unpublished = self.failed.pop()

    def read_payments(self) -> None:
        """Reads what is new about payments at Stripe."""
        self._run(jobs.READ_PAYMENTS)

    def send(self) -> None:
        """Sends what waits for customers and for the platform."""
        mail(self.toolbox)
        send(self.toolbox)

    def repair(self, month: Month, org_ids: Sequence[str], progress: Progress) -> None:
        """Materializes the failed org-months, as an operator would in the UI."""
        if self._usage_is_missing:
            return
        self._try_stripe_at_once()
        keys = [org_month_key(month, org) for org in org_ids]
        self._instance.add_dynamic_partitions(str(FAILED_ORG_MONTHS.name), keys)
        for key in _counted("repairing, org by org", keys, progress):
            self._run(jobs.REPAIR_ORG_MONTH, key, tags=self._when_begun())

    def _still_closed(self, month: Month) -> StillClosed:
        return StillClosed(self._instance, self.toolbox, month)

    def _try_stripe_at_once(self) -> None:
        self.toolbox.sync_ledger.breaker.probe_now(self.toolbox.now())

    def _when_begun(self) -> dict[str, str]:
        return {} if self._began is None else {BEGAN_TAG: self._began.isoformat()}

    def _run(
        self,
        job: str,
        partition: str | None = None,
        config: dict[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> bool:
        """Whether the run succeeded; why it did not is kept in `failed`. Raises KeyboardInterrupt if it was stopped."""
        result = self._definitions.resolve_job_def(job).execute_in_process(
            partition_key=partition,
            instance=self._instance,
            raise_on_error=False,
            run_config={**QUIET, **(config or {})},
            tags={**self._tags, **(tags or {})},
        )
        if was_stopped(result):  # Dagster makes a failed run of it, and the next one would begin
            raise KeyboardInterrupt(STOPPED)
        if not result.success:
            self.failed.append(FailedRun(job, partition, reason_of(result)))
        return result.success


@contextmanager
def runner(settings: Settings) -> Iterator[Runner]:
    """A Runner on Dagster's storage; `settings` must be complete (see local.services)."""
    atexit.register(gc.unfreeze)  # what a command froze, or DuckDB tells of all that Dagster keeps of it that it leaked
    export_environment(settings)
    kept_at = InstanceRef.from_dir(str(dagster_home(settings)), overrides={"compute_logs": NO_LOGS})
    toolbox = build_toolbox(settings)
    process = uuid4().hex
    with (
        closing(toolbox),
        stoppable(),
        dg.DagsterInstance.from_ref(kept_at) as instance,
        present(toolbox.engine, process) as presence,
        dead_runs_ended(instance, toolbox.engine, presence),
    ):
        noted_at_their_jobs(instance)
        yield Runner(build_defs(settings, toolbox=toolbox), instance, toolbox, process)


def dagster_home(settings: Settings) -> Path:
    """Makes FLYBILL_HOME/dagster ready as DAGSTER_HOME, with the project's dagster.yaml in it.

    Other processes may be reading that file: one that found it empty would keep its runs where nobody looks, in SQLite.
    Dagster looks for its configuration by a pattern, and takes defaults where nothing matches: so its name is plain.
    """
    home = settings.home / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    configuration = home / "dagster.yaml"
    if not configuration.exists() or configuration.read_bytes() != DAGSTER_YAML.read_bytes():
        copy_whole(DAGSTER_YAML, configuration)
    return plain_name(home, settings.home / "dagster.name")


@contextmanager
def watched(settings: Settings, presence: Presence) -> Iterator[dg.DagsterInstance]:
    """Ends dead runs while the block runs, in which Dagster's own processes are at work; yields Dagster's storage."""
    export_environment(settings)
    engine = open_engine(str(settings.database_url))
    home = dagster_home(settings)
    try:
        with dg.DagsterInstance.from_config(str(home)) as instance, dead_runs_ended(instance, engine, presence):
            yield instance
    finally:
        engine.dispose()


def _counted(stage: str, parts: Sequence[Part], progress: Progress) -> Iterator[Part]:
    """The parts of a stage one by one, each reported before it is begun, and the end of the last one."""
    for done, part in enumerate(parts):
        progress(stage, done, len(parts))
        yield part
    progress(stage, len(parts), len(parts))


def _scope(org_ids: Collection[str]) -> dict[str, Any]:
    if not org_ids:
        return {}
    scope = {"config": {"org_ids": sorted(org_ids)}}
    return {"ops": dict.fromkeys(("monthly_line_items", "finalized_invoices", "stripe_invoices"), scope)}

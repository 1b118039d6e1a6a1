"""Checks of what was landed and recorded. What counts as bad, silent or unusual, the step knows."""

from collections.abc import Iterator
from itertools import islice

import dagster as dg

from flybill_pipeline.defs.metadata import MOST_ROWS, evidence
from flybill_pipeline.defs.partitions import Partitions, read_day
from flybill_pipeline.steps.usage.watch_usage import bad_rows, silent_sources, unusual_volume
from flybill_pipeline.toolbox.tools import Toolbox

WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


def usage_checks(partitions: Partitions) -> list[dg.AssetChecksDefinition]:
    """`quarantine_is_small`, `no_source_is_silent`; of each day `no_conflicting_ids` and `volume_is_usual`."""

    @dg.multi_asset_check(
        specs=[
            dg.AssetCheckSpec("quarantine_is_small", asset="landed_files", description=_SMALL),
            dg.AssetCheckSpec("no_source_is_silent", asset="landed_files", description=_SILENT),
        ]
    )
    def what_arrived(toolbox: dg.ResourceParam[Toolbox]) -> Iterator[dg.AssetCheckResult]:
        bad = bad_rows(toolbox.usage_health, toolbox.now())
        yield dg.AssetCheckResult(
            check_name="quarantine_is_small",
            passed=bad.tolerable,
            severity=ERROR if bad.alarming else WARN,
            metadata=evidence(bad.sources, "sources") | evidence(bad.broken, "files that could not be read"),
        )
        silent = silent_sources(toolbox.usage_health, toolbox.now())
        yield dg.AssetCheckResult(
            check_name="no_source_is_silent",
            passed=not silent,
            severity=WARN,
            metadata=evidence(silent, "silent sources"),
        )

    @dg.multi_asset_check(
        specs=[
            dg.AssetCheckSpec(name, asset="raw_usage", description=text, partitions_def=partitions.days)
            for name, text in (("no_conflicting_ids", _CONFLICTS), ("volume_is_usual", _VOLUME))
        ]
    )
    def what_counts_of_a_day(
        context: dg.AssetCheckExecutionContext, toolbox: dg.ResourceParam[Toolbox]
    ) -> Iterator[dg.AssetCheckResult]:
        day = read_day(context.partition_key)
        manifest = toolbox.catalog.manifest(day)
        excluded = toolbox.lake.excluded([day], "conflict") if manifest is not None and manifest.conflicts else ()
        conflicts = [row._asdict() for row in islice(excluded, MOST_ROWS)]
        yield dg.AssetCheckResult(
            check_name="no_conflicting_ids",
            passed=not conflicts,
            severity=WARN,
            metadata=evidence(conflicts, "conflicting rows that do not count"),
        )
        unusual = unusual_volume(toolbox.usage_health, day)
        yield dg.AssetCheckResult(
            check_name="volume_is_usual", passed=not unusual, severity=WARN, metadata=evidence(unusual, "sources")
        )

    return [what_arrived, what_counts_of_a_day]


_SMALL = """Of the last seven days' rows, at most one in a thousand of each source is in quarantine; every file could
be read. If it is red: see the tables, mend the exporter or the source mapping, and land the rows again under new
names."""
_SILENT = """Each source that delivers daily has usage for each day, but for the last two. If it is yellow: ask the
source's owner; what comes later is billed later, within the look-back."""
_CONFLICTS = """No id of the day came with two contents or two days. The first to arrive stands. If it is yellow: show
the rows to the source's owner, as a correction needs an id of its own."""
_VOLUME = """Each source landed between a quarter and four times the rows that it usually lands for a day. If it is
yellow: look whether files are missing, or were exported twice under new ids."""

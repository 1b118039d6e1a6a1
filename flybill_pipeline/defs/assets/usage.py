"""From landed files to exact daily usage. What a row or a rollup is, the steps and stores know; not this file."""

from itertools import islice
from typing import Any

import dagster as dg

from flybill_pipeline.defs.assets import OWNERS
from flybill_pipeline.defs.metadata.tables import MOST_ROWS
from flybill_pipeline.defs.metadata.usage import day_metadata, landing_metadata, published_metadata, rollup_metadata
from flybill_pipeline.defs.partitions import Partitions, read_day
from flybill_pipeline.steps.usage.compile_usage import compile_day
from flybill_pipeline.steps.usage.record_usage import record_day
from flybill_pipeline.toolbox.publishing import publish
from flybill_pipeline.toolbox.reading import read_usage
from flybill_pipeline.toolbox.tools import Toolbox


def usage_assets(partitions: Partitions) -> list[dg.AssetsDefinition]:
    """`landed_files`, `raw_usage`, `daily_usage` and `open_lake`."""

    @dg.asset(group_name="usage", kinds={"duckdb", "parquet"}, owners=OWNERS)
    def landed_files(toolbox: dg.ResourceParam[Toolbox]) -> dg.MaterializeResult[None]:
        """Every new or changed file of the landing zone, read once: good rows cut by day, bad rows in quarantine.

        Before that, the totals of days with new rows come from tables of engines, as files; once a day, and before a
        month is closed, those of days that changed otherwise. Then the ids of all days are compared: one that came with
        two times counts on the day that it first arrived for.
        """
        report = read_usage(toolbox)
        bad = _newest_bad_rows(toolbox) if report.intake.quarantined else []
        return dg.MaterializeResult(metadata=landing_metadata(report, bad))

    @dg.asset(
        partitions_def=partitions.days,
        group_name="usage",
        kinds={"duckdb", "parquet"},
        owners=OWNERS,
        deps=[landed_files],
    )
    def raw_usage(context: dg.AssetExecutionContext, toolbox: dg.ResourceParam[Toolbox]) -> dg.MaterializeResult[None]:
        """One day's usage events, each id once: which pieces make up the day, minus the repeated rows."""
        report = record_day(read_day(context.partition_key), toolbox.lake, toolbox.catalog)
        # Conflicts are the check's to show.
        left_out = toolbox.lake.excluded([report.day], "too_large") if report.too_large else ()
        rows = [row._asdict() for row in islice(left_out, MOST_ROWS)]
        return dg.MaterializeResult(metadata=day_metadata(report, rows))

    @dg.asset(
        partitions_def=partitions.days,
        group_name="usage",
        kinds={"duckdb", "parquet"},
        owners=OWNERS,
        deps=[raw_usage],
    )
    def daily_usage(
        context: dg.AssetExecutionContext, toolbox: dg.ResourceParam[Toolbox]
    ) -> dg.MaterializeResult[None]:
        """The exact totals of one day per organization, meter, dimensions and day of arrival."""
        report = compile_day(read_day(context.partition_key), toolbox.lake, toolbox.catalog)
        return dg.MaterializeResult(metadata=rollup_metadata(report))

    return [landed_files, raw_usage, daily_usage, _open_lake(daily_usage)]


def _open_lake(daily_usage: dg.AssetsDefinition) -> dg.AssetsDefinition:
    @dg.asset(group_name="usage", kinds={"iceberg", "parquet"}, owners=OWNERS, deps=[daily_usage])
    def open_lake(toolbox: dg.ResourceParam[Toolbox]) -> dg.MaterializeResult[None]:
        """The lake as Iceberg tables that any engine reads: events, left_out, rejected and daily of `usage`.

        They name the files that are there, and copy none. What a month was priced from stays under a tag of its name.
        """
        return dg.MaterializeResult(metadata=published_metadata(publish(toolbox)))

    return open_lake


def _newest_bad_rows(toolbox: Toolbox) -> list[dict[str, Any]]:
    """Without what the rows say: an exporter may have put anything into them, and events are kept for ever."""
    newest = islice(toolbox.lake.quarantine(newest_first=True), MOST_ROWS)
    return [row._replace(raw=None)._asdict() for row in newest]

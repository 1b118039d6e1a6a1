"""What is shown of landed files and of days of usage."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from flybill_pipeline.defs.metadata.tables import Metadata, evidence, trouble
from flybill_pipeline.steps.usage.compile_usage import RollupReport
from flybill_pipeline.steps.usage.publish_lake import PublishReport
from flybill_pipeline.steps.usage.pull_tables import TableReport
from flybill_pipeline.steps.usage.read_landing import LandingReport
from flybill_pipeline.steps.usage.record_usage import DayReport

MOST_DAYS = 10


def landing_metadata(report: LandingReport, bad: Sequence[Mapping[str, Any]]) -> Metadata:
    """What one look into the landing zone brought, how many ids came with two times, and rows in quarantine.

    Before that: what came of tables in engines.
    """
    intake, comparison = report.intake, report.comparison
    broken = [trouble(str(file.reason), str(file.remedy), file=file.path) for file in intake.broken]
    tables = [_table(table) for table in report.pulled.tables]
    quarantined = [{"reason": reason, "rows": rows} for reason, rows in intake.quarantined.items()]
    return {
        "files": len(intake.files),
        "dagster/row_count": intake.rows,
        "bytes": sum(file.size for file in intake.files),
        "days touched": len(intake.days),
        "rows in quarantine": sum(intake.quarantined.values()),
        "broken files": len(broken),
        **({"ids on more than one day": comparison.conflicts} if comparison else {}),
        **evidence(tables, "tables that were looked at"),
        **evidence(quarantined, "quarantine"),
        **evidence(bad, "rows in quarantine, the newest first"),
        **evidence(broken, "files that could not be read"),
    }


def _table(table: TableReport) -> dict[str, Any]:
    counts = {
        "days": table.days,
        "days that changed": _days(table.changed),
        "rows": table.rows,
        "repeats": table.repeats,
    }
    whole = {
        "looked at": "as a whole" if table.whole else "for new rows",
        "days that changed without a new row": _days(table.found),
        "days whose rows were forgotten; what came of them stands": _days(table.forgotten),
    }
    return {"source": table.source, **counts, **whole, "watermark": table.watermark or "none yet"}


def _days(days: Sequence[date]) -> str:
    """The days; of many the first and the last."""
    if len(days) > MOST_DAYS:
        return f"{len(days):,}: {days[0]} to {days[-1]}"
    return ", ".join(map(str, days)) or "none"


def day_metadata(report: DayReport, left_out: Sequence[Mapping[str, Any]]) -> Metadata:
    """What counts on a day, and what does not; `left_out` are rows of sums that are too large."""
    return {
        "dagster/partition_row_count": report.rows,
        "files": report.pieces,
        "duplicates": report.duplicates,
        "conflicts": report.conflicts,
        "too large": report.too_large,
        **evidence(left_out, "rows of sums that are too large"),
    }


def rollup_metadata(report: RollupReport) -> Metadata:
    """How many totals a day has, and of how many events."""
    return {"dagster/partition_row_count": report.rows, "events": report.events}


def published_metadata(report: PublishReport | None) -> Metadata:
    """How many files came to each table and went from it, and which months were tagged; None where it is off."""
    if report is None:
        return {"published": "nothing: FLYBILL_LAKE_CATALOG is off"}
    changed = {f"files of {table} that changed": files for table, files in report.changed.items()}
    return {
        **changed,
        "tagged": ", ".join(report.tagged) or "nothing new",
        "old metadata swept": report.swept,
        "kept of usage, swept": report.swept_kept,
        "lost in the bucket, sent again": report.sent_again,
    }

"""Counts of all days of a table as one Ibis expression: one scan, no ids are compared. The totals are in rollup.py."""

from typing import Any

import ibis

from flybill_pipeline.stores.usage.engines.rollup import digest_of, events, is_new, telling
from flybill_pipeline.stores.usage.intake.table_fields import UsageTable


def counting(relation: Any, usage: UsageTable, watermark: str | None, engine: str) -> Any:
    """Columns: day, rows, digest (digits), new (rows that a look since the watermark would find), mark (the highest).

    A row counts as often as it tells of a meter, as it does in totals.
    """
    rows = events(relation, usage, engine)
    parts = [_counts(telling(rows, usage, n), usage, n, watermark, engine) for n in range(len(usage.parts))]
    return parts[0] if len(parts) == 1 else ibis.union(*parts)


def _counts(rows: Any, usage: UsageTable, number: int, watermark: str | None, engine: str) -> Any:
    new = ibis.literal(True) if watermark is None else is_new(rows, usage, watermark)
    return rows.group_by("day").aggregate(
        rows=rows.count(),
        digest=digest_of(rows, usage, number, engine).sum().cast("string"),
        new=rows.count(where=new),
        mark=rows.mark.max(),
    )

"""How what was taken of tables in engines is told: lines in `status` and `verify`, and their JSON."""

from collections.abc import Iterator, Sequence
from typing import Any

from flybill_pipeline.billing.usage.tables import LastLook, TakenTable
from flybill_pipeline.cli.render import screen

MOMENT = "%Y-%m-%d %H:%M"
LOOKS = (
    "the sensor landed_files_arrived or the next close looks at it; `flybill doctor` says whether its engine answers"
)


def show_tables(tables: Sequence[TakenTable]) -> None:
    """A line for each table: how far it is counted, and whether that is long ago."""
    for table in tables:
        about = f"the table of source {table.source}"
        if table.behind:
            lately = "was not looked at lately, or not as a whole" if table.look else "was never looked at"
            screen.line(screen.warning("usage that does not count yet"), f": {about} {lately}; {LOOKS}")
        if table.look:
            came = f"{table.rows:,} rows of {screen.counted(table.days, 'day')}"
            upto = f"up to watermark {table.watermark}" if table.watermark else "and had no watermark"
            screen.line(f"{about} is counted {upto}, {came}; {_looked(table.look)}")


def priced_from(tables: Sequence[TakenTable]) -> Iterator[str]:
    """What the usage of such sources is, for who compares."""
    for table in tables:
        if table.look:
            came = f"Usage of source {table.source} is what came of its table, {_looked(table.look)}."
            yield f"{came} `flybill explain` asks the engine what it has now."


def tables_data(tables: Sequence[TakenTable]) -> list[dict[str, Any]]:
    """The member `tables` of the JSON."""
    return [
        {
            "source": table.source,
            "looked_at": table.look.at.isoformat() if table.look else None,
            "compared_at": table.look.whole_at.isoformat() if table.look and table.look.whole_at else None,
            "watermark": table.watermark,
            "days": table.days,
            "rows": table.rows,
            "behind": table.behind,
        }
        for table in tables
    ]


def _looked(look: LastLook) -> str:
    due = "and to be looked at as a whole again"  # a close asked for that, and it did not come
    whole = f"as a whole at {look.whole_at:{MOMENT}} UTC" if look.whole_at else due
    return f"looked at {look.at:{MOMENT}} UTC, {whole}"

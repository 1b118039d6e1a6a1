"""The daily rollup as one Ibis expression, so that any engine that Ibis speaks gives the same exact totals."""

from functools import lru_cache

ENGINES = ("duckdb",)


@lru_cache
def daily_rollup_sql(engine: str) -> str:
    """The query in the dialect of `engine` over a table `events`.

    Per org, meter, dimensions and day of arrival: the exact sum of quantities, how many events, how many of them are
    corrections (below zero), the last one's time.
    """
    import ibis  # noqa: PLC0415 - costs a second, which reading the lake should not pay

    events = ibis.table(
        {
            "org_id": "string",
            "meter": "string",
            "dimensions": "string",
            "quantity": "decimal(38, 18)",
            "occurred_at": "timestamp",
            "arrived_on": "date",
        },
        name="events",
    )
    rollup = events.group_by(["org_id", "meter", "dimensions", "arrived_on"]).aggregate(
        quantity=events.quantity.sum(),
        events=events.count(),
        corrections=events.count(where=events.quantity < 0),
        last_event_at=events.occurred_at.max(),
    )
    return str(ibis.to_sql(rollup, dialect=engine))

"""The busiest second. Belongs here: peaks of what was sent, from the request log. Does not: limiting (`limits`)."""

from __future__ import annotations

from .store import Store

# A window of one second ending at each request, both ends included but for the very same instant a second ago.
_PEAKS = """
select name, max(sent) from (
    select {name} as name, count(*) over (
        partition by {name} order by at range between 0.999999 preceding and current row) as sent
    from requests) group by name
"""


def peaks_by_endpoint(store: Store) -> dict[str, int]:
    """The most requests in any second, by endpoint."""
    return dict(store.rows(_PEAKS.format(name="endpoint")))


def peaks_by_mode(store: Store) -> dict[bool, int]:
    """The most requests in any second over all endpoints, for test keys and live keys."""
    return {bool(livemode): peak for livemode, peak in store.rows(_PEAKS.format(name="livemode"))}

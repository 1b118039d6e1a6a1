"""What happened so far, for tests and people. Belongs here: reading the state and the request log. Does not: judging
(`oracle`)."""

from __future__ import annotations

from . import oracle
from .engine import Emulator
from .peaks import peaks_by_endpoint, peaks_by_mode
from .store import Json

_LOG = "select endpoint, key, status, at, replayed, fault, request_id from requests"


def report(emulator: Emulator) -> Json:
    """The emulator's report: requests, peaks, objects, faults that struck, and violations."""
    store = emulator.store
    customers = "select count(*) from objects where kind = 'customer' and status is not 'deleted'"
    invoices = "select status, count(*) from objects where kind = 'invoice' group by status"
    return {
        "requests": dict(store.rows("select endpoint, count(*) from requests group by endpoint")),
        "peak_per_second": peaks_by_endpoint(store),
        "peak_per_second_global": max(peaks_by_mode(store).values(), default=0),
        "customers": store.rows(customers)[0][0],
        "invoices": dict(store.rows(invoices)),
        "lines": store.rows("select count(*) from objects where kind = 'line_item'")[0][0],
        "faults_fired": faults_fired(emulator),
        "violations": oracle.violations(store, emulator.config, emulator.clock.now()),
    }


def last_requests(emulator: Emulator, count: int) -> list[Json]:
    """The last requests, oldest first; a status of null means that the connection was closed without an answer."""
    return _entries(emulator, _LOG + " order by seq desc limit ?", count)[::-1]


def faults_fired(emulator: Emulator) -> list[Json]:
    """The requests on which a fault had its effect, oldest first."""
    return _entries(emulator, _LOG + " where fault is not null order by seq")


def _entries(emulator: Emulator, sql: str, *values: int) -> list[Json]:
    names = ("endpoint", "key", "status", "at", "replayed", "fault", "request_id")
    entries = [dict(zip(names, row, strict=True)) for row in emulator.store.rows(sql, values)]
    return [entry | {"replayed": bool(entry["replayed"])} for entry in entries]

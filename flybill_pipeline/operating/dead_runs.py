"""Ends the runs of processes that were killed, so that no other run waits for their place in the pool.

Dagster's own monitoring does not see it: what the default launcher starts counts as alive for two hours. Not here:
starting runs, and bringing them back.
"""

import json
import socket
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

import dagster as dg
from dagster._core.storage.tags import GRPC_INFO_TAG, HIDDEN_TAG_PREFIX
from dagster_postgres.utils import DagsterPostgresException
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from flybill_pipeline.stores.postgres.presence import Presence, is_present

PROCESS_TAG = f"{HIDDEN_TAG_PREFIX}flybill_process"
"""Names the command that a run was started by: with it, the run ends. The UI does not show what is hidden."""
LOOK_EVERY_SECONDS = 5
DATABASE_IS_AWAY = (OperationalError, DagsterPostgresException)  # whoever works with it says so
UNFINISHED = (
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)


@contextmanager
def dead_runs_ended(instance: dg.DagsterInstance, engine: Engine, mine: Presence) -> Iterator[None]:
    """Ends dead runs at once, and every few seconds while the block runs: a process may be killed at any time.

    When connections were cut, each process shows first that it is alive: `mine` is renewed before each look, and a run
    is ended that seemed dead in two looks.
    """
    over = Event()

    def go_on() -> None:
        seemed: Collection[str] = ()
        while not over.wait(LOOK_EVERY_SECONDS):
            with suppress(*DATABASE_IS_AWAY):
                mine.renew()
                dead = _dead_runs(instance, engine)
                _end(instance, [run_id for run_id in dead if run_id in seemed])
                seemed = dead

    _end(instance, _dead_runs(instance, engine))
    thread = Thread(target=go_on, name="dead-runs", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _dead_runs(instance: dg.DagsterInstance, engine: Engine) -> Collection[str]:
    seen = instance.get_runs(dg.RunsFilter(statuses=list(UNFINISHED)))
    return [run.run_id for run in seen if _is_dead(run, engine)]


def _end(instance: dg.DagsterInstance, dead: Collection[str]) -> None:
    for run_id in dead:
        run = instance.get_run_by_id(run_id)
        if run is not None and not run.is_finished:  # it may have ended well just before its process did
            instance.report_run_failed(run, "The flybill process that this run belonged to was killed.")
        instance.event_log_storage.free_concurrency_slots_for_run(run_id)


def _is_dead(run: dg.DagsterRun, engine: Engine) -> bool:
    server = run.tags.get(GRPC_INFO_TAG)
    if server is not None:
        return not _answers(json.loads(server).get("socket"))
    # A retry has the tags of the run that it repeats, but no command runs it: it is on its way to the server.
    process = run.tags.get(PROCESS_TAG) if run.parent_run_id is None else None
    return process is not None and not is_present(engine, process)


def _answers(address: str | None) -> bool:
    """Whether the code server on this socket is there; one on another machine (no socket) is not ours to judge."""
    if address is None:
        return True
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(address) == 0

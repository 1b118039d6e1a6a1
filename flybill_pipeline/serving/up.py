"""Serves Dagster's UI and daemon on this machine, and ends with them. What passes to the UI: `serving.guard`."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from types import FrameType

from flybill_pipeline.operating.runs import dagster_home, watched
from flybill_pipeline.serving.older_months import OlderMonths
from flybill_pipeline.serving.ports import require_free
from flybill_pipeline.serving.processes import CODE
from flybill_pipeline.settings import Settings, as_environment
from flybill_pipeline.stores.postgres.database import open_engine
from flybill_pipeline.stores.postgres.presence import only_one

STOP_SECONDS = 30
LOOK_SECONDS = 20
NAME = "flybill up"
PORT_OPTIONS = "--port or --read-only-port"
SECOND = "`flybill up` serves this deployment already: use that one, or end it first"


def serve(settings: Settings, port: int, read_only_port: int, code: str = CODE) -> int:
    """Runs Dagster's processes until one ends or this one is told to; returns 0 in the second case, 1 in the first.

    `settings` must be complete; `code` is the module with the definitions. Raises SettingsError when a port is taken,
    and AlreadyPresentError when another serves the same deployment: two daemons would ask for every run twice.
    """
    engine = open_engine(str(settings.database_url))
    with only_one(engine, NAME, SECOND) as presence:
        require_free(port, read_only_port, options=PORT_OPTIONS)
        with watched(settings, presence) as instance:
            return _serve(settings, port, read_only_port, code, OlderMonths(settings, engine, instance))


def _serve(settings: Settings, port: int, read_only_port: int, code: str, older: OlderMonths) -> int:
    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    # Before the child is started: it would inherit an ignored SIGINT.
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    home = dagster_home(settings)
    process = subprocess.Popen(
        [sys.executable, "-m", "flybill_pipeline.serving.processes", str(port), str(read_only_port), code],
        cwd=home,
        env={**os.environ, **as_environment(settings), "DAGSTER_HOME": str(home)},
        stdin=subprocess.PIPE,  # closed by the kernel when we are gone, and then the child ends
        start_new_session=True,
    )
    try:
        _until_ended(process, older)
    except KeyboardInterrupt:
        _stop(process)
        return 0
    _kill_group(process)
    return 1


def _until_ended(process: subprocess.Popen[bytes], older: OlderMonths) -> None:
    """Waits for the processes to end; when older usage has come, they are told to show its month."""
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(LOOK_SECONDS)
            return
        if older.came():
            process.send_signal(signal.SIGHUP)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Asks the processes to end; what of their group is still there after that is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    _kill_group(process)
    process.wait()


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)

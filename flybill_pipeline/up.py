"""Serves Dagster's UI and daemon on this machine, and ends with them. Binds loopback only: the UI has no login."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from types import FrameType

from flybill_pipeline.runs import dagster_home
from flybill_pipeline.settings import Settings, as_environment

STOP_SECONDS = 30


def serve(settings: Settings, port: int) -> int:
    """Runs `dagster dev` until it ends or is told to, with all its children; returns its exit status.

    `settings` must be complete.
    """
    home = dagster_home(settings)

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    # Before the child is started: it would inherit an ignored SIGINT, and then `dagster dev` ignores SIGTERM too.
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "dagster",
            "dev",
            "-m",
            "flybill_pipeline.definitions",
            "-h",
            "127.0.0.1",
            "-p",
            str(port),
        ],
        cwd=home,
        env={**os.environ, **as_environment(settings), "DAGSTER_HOME": str(home)},
        start_new_session=True,
    )
    try:
        return process.wait()
    except KeyboardInterrupt:
        return _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> int:
    """Asks the server to end; what of its process group is still there after that is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return 0

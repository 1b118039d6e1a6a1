"""Serves Dagster's UI and daemon on this machine, and ends with them. Binds loopback only: the UI has no login."""

import os
import signal
import subprocess
import sys
from types import FrameType

from flybill_pipeline.runs import dagster_home
from flybill_pipeline.settings import Settings, as_environment


def serve(settings: Settings, port: int) -> int:
    """Runs `dagster dev` until it ends or is told to; returns its exit status. `settings` must be complete."""
    home = dagster_home(settings)
    command = [sys.executable, "-m", "dagster", "dev", "-m", "flybill_pipeline.definitions"]
    process = subprocess.Popen(
        [*command, "-h", "127.0.0.1", "-p", str(port)],
        cwd=home,
        env={**os.environ, **as_environment(settings), "DAGSTER_HOME": str(home)},
    )

    def pass_on(number: int, _frame: FrameType | None) -> None:
        # SIGTERM ends `dagster dev` even where SIGINT is ignored, as it is under a non-interactive shell.
        process.send_signal(signal.SIGTERM if number == signal.SIGTERM else signal.SIGINT)

    signal.signal(signal.SIGINT, pass_on)
    signal.signal(signal.SIGTERM, pass_on)
    return process.wait()

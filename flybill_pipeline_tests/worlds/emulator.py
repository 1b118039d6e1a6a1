"""The Stripe emulator as a real process, for any test: started, stopped, killed and controlled; or lent, where one is
enough. Not here: Stripe's client library, nor assertions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from flybill_pipeline_tests.worlds.project import PROJECT


class ControlError(Exception):
    """The control API refused; the text is its sentence."""


class EmulatorProcess:
    """One emulator on a port of its own, which it keeps over restarts; `url` is known once it is started.

    state_path: the file that keeps its state; None keeps it in memory, so that a restart forgets everything.
    limit_endpoint, limit_global: requests per second; None is unlimited.
    """

    def __init__(
        self, state_path: Path | None = None, limit_endpoint: int | None = None, limit_global: int | None = None
    ) -> None:
        self.url = ""
        self._port = 0
        self._options = ["--limit-endpoint", str(limit_endpoint).lower(), "--limit-global", str(limit_global).lower()]
        if state_path is not None:
            self._options += ["--state", str(state_path)]
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> EmulatorProcess:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Starts the process and waits until it answers."""
        command = [sys.executable, "-m", "flybill_pipeline.stripe_emulator", "--port", str(self._port), *self._options]
        environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if "listening on" not in line:
            raise RuntimeError(f"the emulator did not start: {line!r}, exit code {self._process.wait(5)}")
        self.url = line.split()[-1]
        self._port = int(self.url.rsplit(":", 1)[1])
        self.control("GET", "health")

    def stop(self) -> None:
        """Ends the process gracefully, by SIGTERM."""
        self._end(subprocess.Popen.terminate)

    def kill(self) -> None:
        """Ends the process at once, by SIGKILL."""
        self._end(subprocess.Popen.kill)

    def restart(self) -> None:
        """Ends the process if it runs, and starts it again on the same port and state."""
        self.stop()
        self.start()

    def is_running(self) -> bool:
        """Whether it was started, and has not ended since."""
        return self._process is not None and self._process.poll() is None

    def report(self) -> dict[str, Any]:
        """GET /_emulator/report."""
        report: dict[str, Any] = self.control("GET", "report")
        return report

    def requests(self, last: int = 100) -> list[dict[str, Any]]:
        """GET /_emulator/requests: the last requests, oldest first."""
        requests: list[dict[str, Any]] = self.control("GET", f"requests?last={last}")
        return requests

    def faults(self, plan: list[dict[str, Any]] | dict[str, Any]) -> None:
        """Adds a fault plan."""
        self.control("POST", "faults", plan)

    def clear_faults(self) -> None:
        """Removes all fault plans."""
        self.control("DELETE", "faults")

    def release(self) -> int:
        """Executes requests held by late_commit now; returns how many."""
        return int(self.control("POST", "faults/release")["released"])

    def advance(self, seconds: int) -> None:
        """Moves the virtual clock forward."""
        self.control("POST", "clock", {"advance_seconds": seconds})

    def reset(self) -> None:
        """Forgets everything."""
        self.control("POST", "reset")

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """One call of the control API; raises ControlError with its sentence."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_emulator/{path}", data=data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise ControlError(json.load(error)["error"]) from error

    def _end(self, how: Any) -> None:
        if self._process is None:
            return
        how(self._process)
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None


class Emulators:
    """Emulators without limits and without a file, which are emptied and lent again: a start takes a second."""

    def __init__(self) -> None:
        self._idle: list[EmulatorProcess] = []

    @contextmanager
    def lent(self) -> Iterator[EmulatorProcess]:
        """An emulator that knows of nothing, and is nobody else's until the block ends."""
        emulator = self._idle.pop() if self._idle else EmulatorProcess()
        if emulator.is_running():
            emulator.reset()
        else:
            emulator.start()
        try:
            yield emulator
        finally:
            self._idle.append(emulator)

    def stop(self) -> None:
        """Ends all that are not lent."""
        while self._idle:
            self._idle.pop().stop()

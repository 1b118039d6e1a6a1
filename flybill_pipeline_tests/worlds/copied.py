"""A command in a copy of a process that has imported everything, which is most of what a short command does.

For tests that start one command after the other, to kill them or to read what they leave. Not here: how a command
begins and ends by itself, which is seen when it is started as a program: `Flybill.start`.
"""

import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["flybill_pipeline.cli.commands", "flybill_pipeline.definitions"])


@dataclass(frozen=True, slots=True)
class Copied:
    """A command that runs, in a process group of its own; `said` is the file of what it says."""

    process: ForkServerProcess
    said: Path

    @property
    def pid(self) -> int:
        """The number of its process, and of its group."""
        assert self.process.pid is not None
        return self.process.pid

    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.process.is_alive()

    def ended(self, seconds: float = 120) -> tuple[int, str]:
        """Waits for its end; returns its exit status, and what it said."""
        self.process.join(seconds)
        assert self.process.exitcode is not None, f"it did not end in {seconds} s: {self.said.read_text()}"
        return self.process.exitcode, self.said.read_text()


def _flybill() -> None:
    from flybill_pipeline.cli import commands

    commands.main()


def copied(
    said: Path, arguments: Sequence[str], environment: Mapping[str, str], main: Callable[[], Any] = _flybill
) -> Copied:
    """Starts `flybill` with these arguments and this environment; or another `main`, which is found by its name."""
    process = CONTEXT.Process(target=_be, args=(said, arguments, dict(environment), main))
    process.start()
    return Copied(process, said)


def _be(said: Path, arguments: Sequence[str], environment: dict[str, str], main: Callable[[], Any]) -> None:
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    with said.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.argv = ["flybill", *arguments]
    sys.exit(main())

"""What a benchmark measured, as values, and how they get to who makes one table of all. Runs nothing.

Each benchmark runs in a process of its own, so that its peak memory is its own; `make bench` names a file to it.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

FILE = "BENCH_FIGURES"
"""The variable that names the file of figures, a JSON value a line."""
MB = 1024


class Cost(NamedTuple):
    """What a piece of work took, in seconds: by the clock, and of the processors for this process."""

    clock: float = 0
    cpu: float = 0

    def __add__(self, other: object) -> "Cost":
        return Cost(self.clock + other.clock, self.cpu + other.cpu) if isinstance(other, Cost) else NotImplemented


class Measure(NamedTuple):
    """A number that has a bar, such as 2.07 "x DuckDB's bare conversion, by CPU", which may be 2.0 at most."""

    value: float
    what: str
    bar: float | None = None
    at_least: bool = False

    @property
    def holds(self) -> bool | None:
        """Whether the bar holds; None where there is none."""
        if self.bar is None:
            return None
        return self.value >= self.bar if self.at_least else self.value <= self.bar


@dataclass(frozen=True, slots=True)
class Figure:
    """A stage: so many of `unit` in so many seconds, with the most memory of its process, and what has a bar."""

    stage: str
    count: int
    unit: str
    seconds: float
    cpu: float
    peak_mb: float
    measures: tuple[Measure, ...] = ()


def hand_over(figure: Figure) -> None:
    """Adds the figure to the file of this run's figures, if there is one."""
    if name := os.environ.get(FILE):
        with Path(name).open("a") as file:
            file.write(json.dumps(asdict(figure)) + "\n")


def handed_over(file: Path) -> list[Figure]:
    """The figures that benchmarks added to the file."""
    if not file.exists():
        return []
    values = [json.loads(line) for line in file.read_text().splitlines()]
    return [Figure(**value | {"measures": tuple(Measure(*each) for each in value["measures"])}) for value in values]


def cost(work: Callable[[], object]) -> Cost:
    """What the work takes."""
    clock, cpu = time.perf_counter(), time.process_time()
    work()
    return Cost(time.perf_counter() - clock, time.process_time() - cpu)


def forget_peak() -> None:
    """From now on `peak_mb` counts from what there is, where the system can (Linux)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_mb() -> float:
    """The most memory that this process had: since `forget_peak`, or ever."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / MB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MB


def say(line: str) -> None:
    """Prints a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()

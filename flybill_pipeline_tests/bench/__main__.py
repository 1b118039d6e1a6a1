"""All benchmarks one after the other, each in a process of its own, then one table of them: about ten minutes.

    make bench
    make bench BENCH="--only usage --formats parquet --events 1000000 10000000 100000000"

With several sizes of `--events` it says how time grows, and draws it (docs/scale.svg). `--short` takes a minute or two;
what Dagster and its UI take, and which statements are slow after a year, is in `--all` only.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from flybill_pipeline_tests.bench.chart import drawn
from flybill_pipeline_tests.bench.figures import FILE, handed_over, say
from flybill_pipeline_tests.bench.table import table
from flybill_pipeline_tests.conftest import PROJECT

CHART = PROJECT / "docs" / "scale.svg"
FORMATS = ("jsonl", "csv", "parquet")
FULL = {
    "billing": [],
    "sync": [],
    "limit": [],
    "reconcile": [],
    "pages": ["--orgs", "500", "--sample", "20", "--runs", "5"],
}
SHORT = {
    "billing": ["--orgs", "2000"],
    "sync": ["--invoices", "150"],
    "limit": ["--invoices", "96"],
    "reconcile": ["--invoices", "2000"],
    "pages": ["--orgs", "100", "--months", "2", "--files", "50", "--days", "3", "--sample", "5", "--runs", "2"],
}
LONG = {"dagster": [], "ui": ["--months", "36"], "statements": []}
EVENTS, FEW_EVENTS = 5_000_000, 200_000


def planned(chosen: argparse.Namespace) -> Iterator[tuple[str, list[str]]]:
    """What is run, in order: the name of a benchmark, and its options."""
    usual = SHORT if chosen.short else FULL
    for name in chosen.only or ["usage", *usual, *(LONG if chosen.all else ())]:
        if name == "usage":
            for events in sorted(set(chosen.events or ())) or [FEW_EVENTS if chosen.short else EVENTS]:
                for kind in chosen.formats:
                    yield name, ["--events", str(events), "--formats", kind]
        else:
            yield name, (usual | LONG)[name]


def run(plan: Sequence[tuple[str, list[str]]], file: Path) -> list[str]:
    """Runs each; the names of those that failed."""
    failed = []
    for name, options in plan:
        say(f"\n{name} {' '.join(options)}")
        command = [sys.executable, "-m", f"flybill_pipeline_tests.bench.bench_{name}", *options]
        if subprocess.run(command, check=False, env={**os.environ, FILE: str(file)}).returncode:
            failed.append(name)
    return failed


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--short", action="store_true", help="small sizes, in which fixed costs outweigh the rest")
    parser.add_argument("--all", action="store_true", help="what Dagster, its UI and single statements take, too")
    parser.add_argument("--only", nargs="+", choices=["usage", *FULL, *LONG])
    parser.add_argument("--events", nargs="+", type=int, help="sizes of the month of usage")
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=FORMATS)
    parser.add_argument("--chart", type=Path, default=CHART, help="where growth is drawn, of several sizes")
    return parser


def main() -> None:
    """Runs what is asked for."""
    chosen = parser().parse_args()
    with TemporaryDirectory() as folder:
        file = Path(folder) / "figures"
        failed = run(list(planned(chosen)), file)
        figures = handed_over(file)
    say(f"\n{table(figures)}\n\n{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the end")
    if picture := drawn(figures):
        chosen.chart.write_text(picture)
        say(f"growth is drawn in {chosen.chart}")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()

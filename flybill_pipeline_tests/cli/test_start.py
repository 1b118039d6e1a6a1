"""How a command starts and ends: what it spends before and after its work. What commands answer: test_commands.py."""

import shlex
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

PROGRAM = """
import gc, sys
from flybill_pipeline.cli.start import main

looked = []
gc.collect()
gc.callbacks.append(lambda phase, info: looked.append(len(gc.get_objects())) if phase == "start" else None)
sys.argv = ["flybill", "--version"]
try:
    main()
finally:
    print(len(gc.get_objects()), *looked, file=sys.stderr)
"""
OF_THE_COMMAND = 20_000
"""Objects: what a short command makes at most; to import the commands makes five times as many."""


def test_nobody_looks_through_all_that_was_imported() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    left, *looked = map(int, done.stderr.split())
    assert [objects for objects in looked if objects > OF_THE_COMMAND] == []
    assert left < OF_THE_COMMAND, "Python would look through it when the process ends"


STOPPED = """
import sys
from flybill_pipeline.cli.start import main

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Finder())
sys.argv = ["flybill", "status", "2026-10"]
main()
"""


@pytest.mark.parametrize("module", ["click", "flybill_pipeline.cli.keeping", "flybill_pipeline.toolbox.wiring"])
def test_ctrl_c_while_it_imports_ends_a_command_without_a_traceback(module: str, tmp_path: Path) -> None:
    program = STOPPED.format(module=module)
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env={"FLYBILL_HOME": str(tmp_path / "home"), "PYTHONPATH": ":".join(sys.path)},
    )
    assert (done.returncode, done.stderr.strip(), done.stdout) == (1, "", "")


@pytest.mark.parametrize(("closed", "left"), [(">&-", "stderr"), ("2>&-", "stdout"), ("<&- >&-", "stderr")])
def test_a_command_whose_output_was_closed_ends_as_it_would(closed: str, left: str) -> None:
    for typed, status in (("--version", 0), ("quote", 2)):
        command = f"exec {shlex.quote(sys.executable)} -m flybill_pipeline.cli {typed} {closed}"
        done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
        assert done.returncode == status
        assert "Traceback" not in getattr(done, left)


USES_DUCKDB = """
import sys
from flybill_pipeline.cli.commands import flybill
from flybill_pipeline.cli.start import main

@flybill.command()
def look():
    import duckdb
    duckdb.connect().execute("select 1").fetchall()

sys.argv = ["flybill", "look"]
main()
"""


def test_a_command_that_used_duckdb_ends_without_its_report_of_what_was_left() -> None:
    done = subprocess.run([sys.executable, "-c", USES_DUCKDB], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_what_cannot_be_written_is_one_sentence_and_the_status_is_one_of_ours(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "flybill_pipeline.cli", "--help"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env={"FLYBILL_HOME": str(tmp_path / "home"), "PYTHONPATH": ":".join(sys.path)},
        )
    assert done.returncode == 1
    assert done.stderr.count("No space left on device") == 1, done.stderr


def test_ctrl_c_ends_the_stand_in_without_a_traceback() -> None:
    command = [sys.executable, "-u", "-m", "flybill_pipeline.stripe_emulator"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as served:
        assert served.stdout is not None
        address = served.stdout.readline().split()[-1]
        with urlopen(f"{address}/_emulator/report", timeout=60) as answer:
            assert answer.status == 200
        served.send_signal(signal.SIGINT)
        _, said = served.communicate(timeout=60)
    assert said == ""
    assert served.returncode in (0, 1)  # 0 where whoever runs the tests has Ctrl-C ignored

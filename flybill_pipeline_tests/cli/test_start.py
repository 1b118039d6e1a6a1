"""How a command starts and ends: what it spends before and after its work. What commands answer: test_commands.py."""

import subprocess
import sys

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

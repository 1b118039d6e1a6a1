"""Processes that use a service of one machine, and what is seen of it from outside. No assertions about a service."""

import os
import subprocess
import sys
from pathlib import Path

from sqlalchemy import create_engine, text

from flybill_pipeline_tests.conftest import PROJECT
from flybill_pipeline_tests.worlds.waiting import wait_until

USER = """
import sys
from pathlib import Path
from flybill_pipeline.local.keeper import joined
with joined(Path(sys.argv[1]), sys.argv[2]) as address:
    print(address, flush=True)
    sys.stdin.read()
"""
KEEPER = """
import sys
from pathlib import Path
from flybill_pipeline.local.keeper import keep
print("ready", flush=True)
sys.stdin.read()
keep(Path(sys.argv[1]), "postgres")
"""


class User:
    """A process that uses a service until it is told to end, or killed."""

    def __init__(self, home: Path, service: str = "postgres") -> None:
        self.process = program(USER, str(home), service)
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        assert self.address, "the service did not start"

    @staticmethod
    def killed_while_starting(home: Path, service: str = "postgres") -> None:
        """A user that is killed as soon as its keeper is at work."""
        process = subprocess.Popen([sys.executable, "-c", USER, str(home), service], cwd=PROJECT)
        wait_until(lambda: kept(home, service))
        process.kill()
        process.wait()

    def end(self) -> None:
        self.process.communicate()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def program(text: str, *arguments: str) -> "subprocess.Popen[str]":
    """A Python program that is spoken to through its input and output."""
    command = [sys.executable, "-c", text, *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT)


def kept(home: Path, service: str) -> bool:
    """Whether a keeper of the service is alive."""
    return bool(processes(f"flybill_pipeline.local.keeper {home} {service}"))


def processes(words: str) -> list[int]:
    """The processes whose command line has these words in it."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if words in line and int(folder.name) != os.getpid():
            found.append(int(folder.name))
    return found


def answers(address: str) -> bool:
    engine = create_engine(address.format("flybill"))
    try:
        with engine.connect() as connection:
            return bool(connection.execute(text("select true")).scalar_one())
    finally:
        engine.dispose()

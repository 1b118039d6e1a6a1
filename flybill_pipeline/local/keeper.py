"""Keeps a local service running exactly as long as somebody uses it. Knows nothing of what the service is for.

Every user holds a shared lock on `<home>/run/<service>.users`; the keeper, a small process of its own, waits for
the exclusive one. The kernel drops a lock with its process, so the keeper gets it when the last user has ended,
however it ended (kill -9 too), and stops the service. A keeper that was itself killed leaves the service
running; the next command starts a new keeper, which takes the service over.

A service that ends by itself, or is killed, is started again at the same address. Who uses it goes on.
"""

import fcntl
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from flybill_pipeline.local.postgres import Cluster
from flybill_pipeline.local.postgres_programs import PostgresError
from flybill_pipeline.local.surroundings import forget_other_servers

LOOKS_EVERY = 0.2
"""Seconds between two looks of the keeper at whether its service still runs."""


class ServiceError(Exception):
    """A local service did not start; the message says why, and where its log is."""


class Service(Protocol):
    """What the keeper needs of a service."""

    def start(self) -> str:
        """Starts it, or takes over the one that runs; returns its address once it answers."""

    def runs(self) -> bool:
        """Whether its process is there; cheap, as it is asked all the time."""

    def stop(self) -> None:
        """Stops it, and returns when it has ended."""


class Postgres:
    """The embedded Postgres, as the keeper sees it."""

    def __init__(self, home: Path) -> None:
        self._cluster = Cluster(home / "postgres")
        self._pid = 0

    def start(self) -> str:
        self._cluster.start()
        self._pid = self._cluster.pid()
        return self._cluster.url

    def runs(self) -> bool:
        return is_alive(self._pid)

    def stop(self) -> None:
        self._cluster.stop()


class Emulator:
    """The stand-in Stripe, as the keeper sees it: a child process whose state is a file."""

    def __init__(self, home: Path) -> None:
        self._state = home / "stripe-emulator.sqlite"
        self._pid_file = home / "run" / "emulator.pid"
        self._process: subprocess.Popen[str] | None = None
        self._port = urlsplit(address_of(home, "emulator") or "").port or 0

    def start(self) -> str:
        """At the port that it had before: who uses it has noted that. At another one where that is taken by now."""
        self._end_leftover()
        try:
            address = self._started_at(self._port)
        except ServiceError:
            if not self._port:
                raise
            address = self._started_at(0)
        self._port = urlsplit(address).port or 0
        return address

    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _started_at(self, port: int) -> str:
        # The limits of a live account (100 calls a second, 25 to one endpoint), though it is spoken to with a test key.
        options = ["--port", str(port), "--state", str(self._state), "--limit-global", "100"]
        command = [sys.executable, "-m", "flybill_pipeline.stripe_emulator", *options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        self._pid_file.write_text(str(self._process.pid))
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        address = next((word for word in line.split() if word.startswith("http://")), None)
        if address is None:
            raise ServiceError(f"the Stripe emulator did not start: {line.strip()}")
        return address

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:  # its state is in the file, whatever it was doing
                self._process.kill()
                self._process.wait()
        self._pid_file.unlink(missing_ok=True)

    def _end_leftover(self) -> None:
        """Ends the emulator of a keeper that was killed: its state is in the file, a new one goes on from there."""
        with suppress(FileNotFoundError, ValueError, ProcessLookupError):
            pid = int(self._pid_file.read_text())
            command = Path(f"/proc/{pid}/cmdline")  # empty once it has ended, though nobody may ever reap it
            if b"stripe_emulator" in command.read_bytes():
                os.kill(pid, 15)
            while b"stripe_emulator" in command.read_bytes():
                time.sleep(0.05)


SERVICES: dict[str, type[Postgres] | type[Emulator]] = {"postgres": Postgres, "emulator": Emulator}


@contextmanager
def joined(home: Path, name: str) -> Iterator[str]:
    """Yields the address of the service `name` of `home`, started if it was not running, held while the block runs."""
    run = home / "run"
    run.mkdir(parents=True, exist_ok=True)
    with _locked(run / f"{name}.users", fcntl.LOCK_SH):
        with _locked(run / f"{name}.start", fcntl.LOCK_EX):
            while not (address := _address(run, name) or _start_keeper(home, name)):
                pass  # a keeper that nobody saw came first: whoever had started it was killed
        yield address


def address_of(home: Path, name: str) -> str | None:
    """The address that the service of `home` has noted while it runs; it may have been killed since."""
    try:
        return str(json.loads((home / "run" / f"{name}.json").read_text())["address"])
    except (OSError, ValueError):
        return None


def _address(run: Path, name: str) -> str | None:
    """The address of the service if a keeper is alive, else None. Waits for one that is starting or stopping it."""
    while True:
        try:
            with _locked(run / f"{name}.keeper", fcntl.LOCK_EX | fcntl.LOCK_NB):
                return None
        except BlockingIOError:
            with suppress(FileNotFoundError):
                return str(json.loads((run / f"{name}.json").read_text())["address"])
        time.sleep(0.02)


def _start_keeper(home: Path, name: str) -> str | None:
    """The address of the service that a new keeper started; None when there is another keeper."""
    log = home / "run" / f"{name}.log"
    command = [sys.executable, "-m", "flybill_pipeline.local.keeper", str(home), name]
    with log.open("a") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True
        )
    assert process.stdout is not None
    with process.stdout as out:
        said = out.readline()
    if not said and process.wait() == 0:
        return None
    answer = json.loads(said or '{"failed": "its keeper ended"}')
    if why := answer.get("failed"):
        raise ServiceError(f"the local {name} did not start: {why} (its log is {log})")
    return str(answer["address"])


@contextmanager
def _locked(path: Path, how: int) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, how)
        yield


def keep(home: Path, name: str) -> None:
    """The keeper's whole life: start the service, say where it is, wait until nobody uses it, stop it.

    Where there is a keeper already it ends at once, without a word. It must not wait for the other: that one waits for
    its users, and one of them may wait for this.
    """
    forget_other_servers()
    run = home / "run"
    with ExitStack() as alone:
        try:
            alone.enter_context(_locked(run / f"{name}.keeper", fcntl.LOCK_EX | fcntl.LOCK_NB))
        except BlockingIOError:
            return
        address_file = run / f"{name}.json"  # there for as long as the address is good
        service = SERVICES[name](home)  # which may look up where it was before
        address_file.unlink(missing_ok=True)
        try:
            address = service.start()
            _note(address_file, address)
        except Exception as error:  # whatever it is, no server may be left that nobody keeps
            _tell(failed=str(error))  # not by the log: the disk may be full
            with suppress(OSError, PostgresError):
                service.stop()
            raise
        _tell(address=address)
        sys.stdout = sys.stderr
        os.dup2(2, 1)
        turn = threading.Lock()
        threading.Thread(target=_start_again, args=(service, address_file, turn), daemon=True).start()
        with _locked(run / f"{name}.users", fcntl.LOCK_EX):
            turn.acquire()  # for good: what is stopped now is not started again
            address_file.unlink(missing_ok=True)
            service.stop()
            # The users' lock is let go only now: whoever comes next finds the service stopped, not stopping.


def _start_again(service: Service, address_file: Path, turn: threading.Lock) -> None:
    """Starts the service again when it has ended. New commands wait until its address is noted.

    Where it cannot be started the keeper ends: the next command starts another one, and is told why.
    """
    while True:
        time.sleep(LOOKS_EVERY)
        with turn:
            if service.runs():
                continue
            address_file.unlink(missing_ok=True)
            try:
                _note(address_file, service.start())
            except Exception as error:  # the same
                with suppress(OSError, PostgresError):
                    service.stop()
                sys.stderr.write(f"{address_file.stem} ended, and could not be started again: {error}\n")
                sys.stderr.flush()
                os._exit(1)


def is_alive(pid: int) -> bool:
    """Whether the process is there, ours or not. One of ours that has ended is reaped by this."""
    try:
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return False
    except ChildProcessError:  # a keeper before this one started it
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        pass
    return True


def _note(file: Path, address: str) -> None:
    unfinished = file.with_suffix(".partial")
    unfinished.write_text(json.dumps({"address": address, "keeper": os.getpid()}))
    unfinished.replace(file)


def _tell(**answer: str) -> None:
    """Says it in one line to the process that started this one."""
    with suppress(BrokenPipeError):  # who was killed meanwhile
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    keep(Path(sys.argv[1]), sys.argv[2])

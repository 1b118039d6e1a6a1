"""Dagster's three processes on one machine, together or not at all: code server, daemon, webserver. No HTTP here.

`python -m flybill_pipeline.serving.processes PORT READ_ONLY_PORT [MODULE]` is their parent. It ends them when one of
them ends, when it is told to, and when its standard input closes: the kernel does that when the process that started
it is gone, `kill -9` too. On SIGHUP it restarts the code server. They are one process group; what is left of it after
`STOP_SECONDS` is killed. The code server, which would execute anything for anybody, listens on a socket in a folder
that only we can open.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from flybill_pipeline.local.short_folders import temporary_folder

CODE = "flybill_pipeline.definitions"
LOCATION = "flybill_pipeline"
START_SECONDS, STOP_SECONDS = 120, 20
TURN_SECONDS = 0.2
SAYING = ("--log-level", "warning")
"""What sensors look for is said in the UI; a line for each look would push the UI's address out of sight."""


def main(port: int, read_only_port: int, code: str = CODE) -> None:
    """Starts the three, waits until one ends or the work is over, and ends all. `code` is the module to serve."""
    over, again = threading.Event(), threading.Event()
    signal.signal(signal.SIGHUP, lambda *_: again.set())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    threading.Thread(target=_wait_for_parent, args=[over], daemon=True).start()
    with tempfile.TemporaryDirectory(prefix="flybill-", dir=temporary_folder()) as folder, _ending() as started:
        code_socket = Path(folder) / "socket"
        code_server = ("dagster", "api", "grpc", "-m", code, "-s", str(code_socket), *SAYING)
        _start(started, *code_server)
        if not _until_open(code_socket, over, started):
            return
        workspace = Path(folder) / "workspace.yaml"
        server = {"socket": str(code_socket), "location_name": LOCATION}
        workspace.write_text(json.dumps({"load_from": [{"grpc_server": server}]}))  # JSON is YAML
        _start(started, "dagster._daemon", "run", "-w", str(workspace), *SAYING)
        ports = ("--port", str(port), "--read-only-port", str(read_only_port))
        _start(started, "flybill_pipeline.serving.webserver", "-w", str(workspace), *ports)
        while _watch(started, over, again):
            again.clear()
            _end(started.pop(0))
            started.insert(0, _begun(*code_server))


def _start(started: list[subprocess.Popen[bytes]], module: str, *arguments: str) -> None:
    started.append(_begun(module, *arguments))


def _begun(module: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", module, *arguments], stdin=subprocess.DEVNULL)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_for_parent(over: threading.Event) -> None:
    with suppress(OSError):
        while os.read(0, 1):
            pass
    over.set()


def _until_open(address: Path, over: threading.Event, started: Sequence[subprocess.Popen[bytes]]) -> bool:
    """Waits for a server on the socket; False when there is nothing to wait for any more."""
    deadline = time.monotonic() + START_SECONDS
    while not over.wait(TURN_SECONDS) and not _ended(started) and time.monotonic() < deadline:
        with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
            probe.connect(str(address))
            return True
    return False


def _watch(started: Sequence[subprocess.Popen[bytes]], over: threading.Event, again: threading.Event) -> bool:
    """Waits until one has ended or the work is over: False; True when the code server is to be restarted."""
    while not over.wait(TURN_SECONDS) and not _ended(started):
        if again.is_set():
            return True
    return False


def _ended(started: Sequence[subprocess.Popen[bytes]]) -> bool:
    for process in started:
        if process.poll() is not None:
            command = " ".join(map(str, process.args)) if isinstance(process.args, list) else ""
            sys.stderr.write(f"flybill up: ended with status {process.returncode}: {command}\n")
            return True
    return False


@contextmanager
def _ending() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Asks what was started in the block to end, the last one first, and waits for it, but not for ever."""
    started: list[subprocess.Popen[bytes]] = []
    try:
        yield started
    finally:
        deadline = time.monotonic() + STOP_SECONDS
        for process in reversed(started):
            process.terminate()
        for process in started:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
    os.killpg(0, signal.SIGKILL)  # runs that Dagster started, and whatever would not end

"""A really running `flybill up`, spoken to as a browser or an attacker's page would. Not here: assertions."""

import http.client
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flybill_pipeline_tests.worlds.deployment import MODULE, Flybill

START_SECONDS = 90
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over HTTP."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        """The body, which must be JSON."""
        return json.loads(self.body)


class Served:
    """`flybill up` of one deployment, on two free ports; `module` is the command line that is used for it."""

    def __init__(self, flybill: Flybill, module: str = MODULE) -> None:
        self._module = module
        self.port, self.read_only_port = free_port(), free_port()
        self.flybill = flybill
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Starts it, and waits until both addresses answer."""
        process = self.begin()
        deadline = time.monotonic() + START_SECONDS
        while not (answers(self.port) and answers(self.read_only_port)):
            assert process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, "flybill up did not answer in time"
            time.sleep(0.1)

    def stop(self) -> int:
        """Ends it by SIGTERM; returns its exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)
        return self.process.returncode

    def begin(self) -> "subprocess.Popen[str]":
        """Starts it, and comes back as soon as the first of Dagster's processes is there."""
        ports = ("--port", str(self.port), "--read-only-port", str(self.read_only_port))
        self.process = self.flybill.serve(self.log, "up", *ports, module=self._module)
        deadline = time.monotonic() + START_SECONDS
        while not self.group("dagster api grpc"):
            assert time.monotonic() < deadline, "flybill up did not start Dagster in time"
            time.sleep(0.05)
        return self.process

    @property
    def log(self) -> Path:
        """What it and Dagster's processes have said."""
        return self.flybill.home / "up.log"

    def group(self, words: str = "") -> list[int]:
        """The processes of this deployment, whoever their parent is by now, whose command line has these words."""
        ours = f"FLYBILL_HOME={self.flybill.environment['FLYBILL_HOME']}".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if words in line and ours in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
        return found

    def kill_all(self) -> None:
        """Kills whatever a failed test left running."""
        for pid in self.group():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: str | None = None,
        *,
        read_only: bool = False,
    ) -> Answer:
        """One request, with these headers and no others but Host, which may be among them."""
        port = self.read_only_port if read_only else self.port
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def graphql(self, document: str, headers: Mapping[str, str] | None = None, *, read_only: bool = False) -> Answer:
        """An operation as the UI sends it."""
        body = json.dumps({"query": document})
        return self.request("POST", "/graphql", {**JSON, **(headers or {})}, body, read_only=read_only)

    def post(self, document: str, variables: Mapping[str, Any] | None = None, operation: str | None = None) -> Any:
        """The answer to an operation that a page of the UI itself sends."""
        body = json.dumps({"query": document, "variables": variables or {}, "operationName": operation})
        headers = {**JSON, "Origin": f"http://127.0.0.1:{self.port}", "Sec-Fetch-Site": "same-origin"}
        return self.request("POST", "/graphql", headers, body).json()

    def materialize(self, assets: Iterable[str], keys: Sequence[str]) -> str:
        """ "Materialize" in the UI with these partitions chosen, which is a backfill; returns its id."""
        selection = ", ".join(f'{{path: ["{asset}"]}}' for asset in assets)
        answer = self.graphql(
            f"mutation {{ launchPartitionBackfill(backfillParams: {{assetSelection: [{selection}], "
            f"partitionNames: {json.dumps(keys)}}}) "
            "{ __typename ... on LaunchBackfillSuccess { backfillId } ... on Error { message } } }"
        ).json()
        return str(answer["data"]["launchPartitionBackfill"]["backfillId"])

    def limits(self) -> dict[str, int]:
        """Pool → limit: what the mutation of these tests sets."""
        found = self.graphql("{ instance { concurrencyLimits { concurrencyKey slotCount } } }").json()
        return {limit["concurrencyKey"]: limit["slotCount"] for limit in found["data"]["instance"]["concurrencyLimits"]}


def set_limit(pool: str) -> str:
    """A mutation that leaves a trace which can be looked for."""
    return f'mutation Change {{ setConcurrencyLimit(concurrencyKey: "{pool}", limit: 3) }}'


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0

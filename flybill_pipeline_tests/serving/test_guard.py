"""What a web page, a form, a rebound name or a reader may try against a running `flybill up`, and what people do."""

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from flybill_pipeline_tests.serving.served import JSON, Served, set_limit
from flybill_pipeline_tests.worlds.deployment import Deployments

EVIL = "https://evil.example"


@pytest.fixture(scope="module")
def up(deploy: Deployments) -> Iterator[Served]:
    with deploy() as flybill:
        served = Served(flybill)
        try:
            served.start()
            yield served
            assert served.stop() == 0
            assert served.group() == []
        finally:
            served.kill_all()


def query(pool: str) -> str:
    return json.dumps({"query": set_limit(pool)})


def in_the_address(pool: str) -> str:
    return f"/graphql?query={quote(set_limit(pool))}"


IMAGE = {"Accept": "image/*", "Sec-Fetch-Site": "cross-site"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
HALF_PLAIN = {"Content-Type": "text/plain;application/json"}
GRAPHQL = {"Content-Type": "application/graphql"}
REBOUND = JSON | {"Host": "evil.example"}
ATTEMPTS: dict[str, tuple[str, str, dict[str, str], str | None]] = {
    "get": ("GET", in_the_address("get"), {}, None),
    "image": ("GET", in_the_address("image"), IMAGE, None),
    "head": ("HEAD", in_the_address("head"), {}, None),
    "plain-text": ("POST", in_the_address("plain-text"), {"Content-Type": "text/plain"}, ""),
    "no-type": ("POST", in_the_address("no-type"), {}, None),
    "half-plain": ("POST", "/graphql", HALF_PLAIN, query("half-plain")),
    "form": ("POST", in_the_address("form"), FORM, "a=b"),
    "graphql-type": ("POST", "/graphql", GRAPHQL, set_limit("graphql-type")),
    "other-origin": ("POST", "/graphql", JSON | {"Origin": EVIL}, query("other-origin")),
    "null-origin": ("POST", "/graphql", JSON | {"Origin": "null"}, query("null-origin")),
    "other-port": ("POST", "/graphql", JSON | {"Origin": "http://127.0.0.1:1"}, query("other-port")),
    "same-site": ("POST", "/graphql", JSON | {"Sec-Fetch-Site": "same-site"}, query("same-site")),
    "cross-site": ("POST", "/graphql", JSON | {"Sec-Fetch-Site": "cross-site"}, query("cross-site")),
    "rebound": ("POST", "/graphql", REBOUND, query("rebound")),
    "rebound-page": ("POST", "/graphql", REBOUND | {"Origin": "http://evil.example"}, query("rebound-page")),
    "batch": ("POST", "/graphql", JSON, f"[{query('batch')}]"),
    "put": ("PUT", "/graphql", JSON, query("put")),
    "other-path": ("POST", "/graphql/", JSON, query("other-path")),
}


@pytest.mark.parametrize("pool", ATTEMPTS)
def test_no_attempt_of_a_page_or_form_changes_anything(up: Served, pool: str) -> None:
    method, path, headers, body = ATTEMPTS[pool]
    answer = up.request(method, path, headers, body)
    assert 400 <= answer.status < 500, answer.body
    assert pool not in up.limits()


BACKFILL = "mutation B($p: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $p) { __typename } }"
RUN = "mutation R($p: ExecutionParams!) { launchRun(executionParams: $p) { __typename } }"
CLOSE = {"repositoryName": "__repository__", "repositoryLocationName": "flybill_pipeline", "jobName": "close_month"}
ADD = """mutation { addDynamicPartition(partitionsDefName: "failed_org_months", partitionKey: "acme",
  repositorySelector: {repositoryName: "__repository__", repositoryLocationName: "flybill_pipeline"}) {__typename} }"""
THIS_MONTH = f"{datetime.now(UTC):%Y-%m}"


def backfill(asset: str, *keys: str) -> tuple[str, Any]:
    return BACKFILL, {"assetSelection": [{"path": [asset]}], "partitionNames": keys}


def in_a_range(asset: str, start: str, end: str) -> tuple[str, Any]:
    ranges = {"ranges": [{"start": start, "end": end}]}
    return BACKFILL, {"partitionsByAssets": [{"assetKey": {"path": [asset]}, "partitions": ranges}]}


def run(*keys: str) -> tuple[str, Any]:
    tags = [{"key": "dagster/partition", "value": key} for key in keys]
    return RUN, {"selector": CLOSE, "executionMetadata": {"tags": tags}}


TYPED: dict[str, tuple[tuple[str, Any], str]] = {
    "month": (backfill("billed_month", THIS_MONTH, "2026-13"), "'2026-13' is no month here. It is written as 20"),
    "first-day": (
        backfill("billed_month", f"{THIS_MONTH}-01"),
        f"-01' is no month here. It is written as {THIS_MONTH};",
    ),
    "far-away": (backfill("billed_month", "9000-01"), f" to {THIS_MONTH}."),
    "range": (in_a_range("billed_month", THIS_MONTH, "october"), "'october' is no month here."),
    "inline": (
        (BACKFILL.replace("$p)", '{assetSelection: {path: "billed_month"}, partitionNames: "x"})'), {}),
        "'x' is no",
    ),
    "day": (backfill("raw_usage", THIS_MONTH), "is no day here. It is written as 20"),
    "no-shard": (
        backfill("monthly_line_items", THIS_MONTH),
        f"is no shard of a month here. It is written as {THIS_MONTH}|00",
    ),
    "run": (run("2026-13|03"), "'2026-13|03' is no shard of a month here."),
    "run-of-a-shard": (run(f"{THIS_MONTH}|99"), f"{THIS_MONTH}|99' is no shard of a month here."),
    "run-of-nothing": (run(), "A run of close_month needs a partition. It is written as 20"),
    "to-do": (backfill("failed_org_months", "2026-10/nobody"), "'2026-10/nobody' is not on the to-do list."),
    "added": ((ADD, {}), "'acme' is no organization's month. It is written as 2026-10/acme"),
}


@pytest.mark.parametrize("name", TYPED)
def test_what_cannot_be_run_is_refused_with_how_it_is_written(up: Served, name: str) -> None:
    (document, params), sentence = TYPED[name]
    (answer,) = up.post(document, {"p": params})["data"].values()
    assert answer["__typename"] == "PythonError"
    assert sentence in answer["message"]


def test_a_name_that_points_here_shows_nothing(up: Served) -> None:
    for path in ("/", "/server_info", "/logs/x"):
        answer = up.request("GET", path, {"Host": f"evil.example:{up.port}"})
        assert answer.status == 421
        assert b"not served under that name" in answer.body


@pytest.mark.parametrize("hosts", ["", "Host: 127.0.0.1:{port}\r\nHost: evil.example\r\n"])
def test_a_request_with_no_host_or_with_two_is_refused(up: Served, hosts: str) -> None:
    with socket.create_connection(("127.0.0.1", up.port), timeout=10) as raw:
        raw.sendall(f"GET / HTTP/1.0\r\n{hosts.format(port=up.port)}\r\n".encode())
        assert raw.recv(100).split()[1] in (b"421", b"400")


@pytest.mark.parametrize("kind", ["materialization", "check", "observation"])
@pytest.mark.parametrize("path", ["/report_asset_{}/stripe_invoices", "//report_asset_{}/stripe_invoices"])
def test_nobody_reports_from_outside(up: Served, kind: str, path: str) -> None:
    answer = up.request("POST", path.format(kind), JSON, "{}")
    assert answer.status == 403
    assert "closed" in answer.json()["errors"][0]["message"]


def test_an_endless_request_is_refused(up: Served) -> None:
    answer = up.request("POST", "/graphql", JSON, json.dumps({"query": "{ version }" + " " * 5_000_000}))
    assert answer.status == 413


TWO = f"query Look {{ version }} {set_limit('two-operations')}"
BODY = '{ setConcurrencyLimit(concurrencyKey: "x", limit: 1) }'
READ_ONLY_ATTEMPTS: dict[str, dict[str, Any]] = {
    "mutation": {"query": set_limit("mutation")},
    "named-query-beside-it": {"query": TWO, "operationName": "Look"},
    "named-mutation": {"query": TWO, "operationName": "Change"},
    "in-a-fragment": {"query": f"mutation {{ ...F }} fragment F on Mutation {BODY}"},
    "after-a-comment": {"query": f"# only a query\n\ufeffmutation\n{BODY}"},
    "unreadable": {"query": "mutation {"},
    "persisted": {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}},
    "not-text": {"query": [set_limit("not-text")]},
}


@pytest.mark.parametrize("name", READ_ONLY_ATTEMPTS)
def test_a_reader_changes_nothing(up: Served, name: str) -> None:
    before = up.limits()
    answer = up.request("POST", "/graphql", JSON, json.dumps(READ_ONLY_ATTEMPTS[name]), read_only=True)
    assert answer.status == 403
    assert answer.json()["errors"][0]["message"].endswith(".")
    assert up.limits() == before


def permitted(up: Served, *, read_only: bool) -> set[str]:
    answer = up.graphql("{ permissions { permission value } }", read_only=read_only).json()
    return {found["permission"] for found in answer["data"]["permissions"] if found["value"]}


def test_a_reader_reads_and_dagster_itself_knows_it_for_one(up: Served) -> None:
    assert permitted(up, read_only=True) == set()
    assert "launch_pipeline_execution" in permitted(up, read_only=False)


def test_an_operator_changes_something_from_a_page_of_the_ui(up: Served) -> None:
    for name in ("127.0.0.1", "localhost"):
        host = f"{name}:{up.port}"
        headers = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
        answer = up.graphql(set_limit(f"by-{name}"), headers)
        assert answer.status == 200, answer.body
        assert up.limits()[f"by-{name}"] == 3


@pytest.mark.parametrize("read_only", [False, True])
def test_the_ui_is_served_with_what_it_loads(up: Served, read_only: bool) -> None:
    page = up.request("GET", "/locations", {"Accept": "text/html", "Sec-Fetch-Site": "cross-site"}, read_only=read_only)
    assert page.status == 200
    assert b"<title" in page.body
    policies = page.headers.get_all("Content-Security-Policy") or []
    assert any("script-src" in policy for policy in policies)
    assert "frame-ancestors 'none'" in policies
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Referrer-Policy"] == "same-origin"
    script = page.body.decode().split('<script src="')[1].split('"')[0]
    assert up.request("GET", script, read_only=read_only).status == 200
    assert up.request("GET", "/graphql", {"Accept": "text/html"}, read_only=read_only).status == 200
    assert up.request("GET", "/server_info", read_only=read_only).status == 200
    port = up.read_only_port if read_only else up.port
    assert f"look first at http://127.0.0.1:{port}/assets/billed_month\n" in up.log.read_text()


def opened(port: int, origin: str | None, host: str | None = None) -> ClientConnection:
    headers = {"Host": host} if host else None
    return connect(
        f"ws://127.0.0.1:{port}/graphql",
        origin=origin,  # type: ignore[arg-type]
        subprotocols=["graphql-ws"],  # type: ignore[list-item]
        additional_headers=headers,
        close_timeout=2,
    )


def subscribed(socket: ClientConnection, document: str) -> Any:
    """What the first answer to an operation is."""
    socket.send(json.dumps({"type": "connection_init"}))
    assert json.loads(socket.recv(timeout=10))["type"] == "connection_ack"
    socket.send(json.dumps({"id": "1", "type": "start", "payload": {"query": document}}))
    return json.loads(socket.recv(timeout=10))


@pytest.mark.parametrize("read_only", [False, True])
def test_a_page_of_the_ui_subscribes(up: Served, read_only: bool) -> None:
    port = up.read_only_port if read_only else up.port
    with opened(port, f"http://127.0.0.1:{port}") as socket:
        answer = subscribed(socket, 'subscription { pipelineRunLogs(runId: "none") { __typename } }')
        assert answer["payload"]["data"]["pipelineRunLogs"]["__typename"] == "PipelineRunLogsSubscriptionFailure"


@pytest.mark.parametrize("origin", [EVIL, "null", "http://127.0.0.1:1"])
def test_a_page_of_another_site_opens_no_websocket(up: Served, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        opened(up.port, origin)
    assert refused.value.response.status_code == 403


def test_a_websocket_of_a_reader_carries_no_mutation(up: Served) -> None:
    with opened(up.read_only_port, None) as socket, pytest.raises(ConnectionClosed) as closed:
        subscribed(socket, set_limit("by-websocket"))
    assert "read-only" in str(closed.value)
    assert "by-websocket" not in up.limits()

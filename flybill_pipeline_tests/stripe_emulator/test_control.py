"""The control API, and the promises of the package itself."""

import ast
import json
import urllib.request
from pathlib import Path

import pytest

import flybill_pipeline.stripe_emulator as package
from flybill_pipeline.stripe_emulator.router import ALIASES, ENDPOINTS
from flybill_pipeline_tests.stripe_emulator.helpers import DAY, Shop
from flybill_pipeline_tests.worlds.emulator import ControlError, EmulatorProcess

FOLDER = Path(package.__file__).parent
ALLOWED = {"starlette", "stripe"}
STANDARD = __import__("sys").stdlib_module_names


def test_health_and_clock(shop: Shop, emulator: EmulatorProcess) -> None:
    health = emulator.control("GET", "health")
    assert health["ok"] is True
    emulator.advance(3 * DAY)
    assert 3 * DAY <= emulator.control("GET", "health")["now"] - health["now"] < 3 * DAY + 60
    assert shop.post("customers")["created"] >= health["now"] + 3 * DAY
    wrongs: list[object] = [{"advance_seconds": -1}, {"advance_seconds": "1"}, {}, []]
    for wrong in wrongs:
        with pytest.raises(ControlError, match="advance_seconds"):
            emulator.control("POST", "clock", wrong)


def test_reset_forgets_everything(shop: Shop, emulator: EmulatorProcess) -> None:
    shop.post("customers", idempotency_key="k")
    emulator.advance(DAY)
    emulator.faults([{"fault": "http_503", "match": {}}])
    emulator.reset()
    empty = emulator.report()
    assert (empty["requests"], empty["customers"], empty["violations"]) == ({}, 0, [])
    assert "idempotent-replayed" not in (shop.call("post", "customers", idempotency_key="k").headers or {})


def test_the_request_log(shop: Shop, emulator: EmulatorProcess) -> None:
    shop.post("customers", idempotency_key="k")
    shop.post("customers", idempotency_key="k")
    emulator.faults([{"fault": "reset_before", "match": {}}])
    shop.refused("get", "customers")
    entries = [
        (entry["endpoint"], entry["key"], entry["status"], entry["replayed"], entry["fault"])
        for entry in emulator.requests(last=3)
    ]
    assert entries == [
        ("create_customer", "k", 200, False, None),
        ("create_customer", "k", 200, True, None),
        ("list_customers", None, None, False, "reset_before"),
    ]
    assert len(emulator.requests(last=1)) == 1


def test_control_paths_are_not_stripes(emulator: EmulatorProcess) -> None:
    emulator.faults([{"fault": "reset_before", "match": {}}])
    assert emulator.control("GET", "health")["ok"]
    assert emulator.report()["requests"] == {}
    request = urllib.request.Request(f"{emulator.url}/_emulator/faults", data=b"{", method="POST")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    assert (caught.value.code, json.load(caught.value)) == (400, {"error": "The body is not JSON."})


def test_aliases_name_endpoints() -> None:
    assert set(ALIASES.values()) <= set(ENDPOINTS)


def imports(path: Path) -> set[str]:
    """The top-level packages that a module imports; relative imports stay inside."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level <= 1:
            found |= set() if node.level else {str(node.module).split(".")[0]}
        elif isinstance(node, ast.ImportFrom):
            found.add("..")
    return found


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_the_emulator_shares_nothing_with_us(path: Path) -> None:
    allowed = ALLOWED | ({"uvicorn"} if path.name == "server.py" else set())
    assert imports(path) - set(STANDARD) <= allowed
    assert len(path.read_text().splitlines()) <= 300

"""The OpenAPI document says what the pages answer: real answers are held against it, by readers that others wrote."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from flybill_pipeline.exports.forms import FORMS
from flybill_pipeline.web import access
from flybill_pipeline.web.budget_form import FIELDS
from flybill_pipeline.web.links import Links
from flybill_pipeline.web.openapi import BUDGET, document
from flybill_pipeline_tests.conftest import PROJECT
from flybill_pipeline_tests.web.conftest import SECRET, Answer, Browser, Served, serving
from flybill_pipeline_tests.web.test_budgets import JSON, post

CONFIGURED = """
[parameters]
"path.org" = "acme"
[[operations]]
include-name = "POST /orgs/{org}/budgets"
[operations.checks]  # whether a budget can be set or ended depends on those that there are: no schema says it
positive_data_acceptance.expected-statuses = ["2xx", "401", "403", "404", "409", "422", "5xx"]
"""
MONTH = "/orgs/acme/months/2025-10"
ADDRESSES = {
    "/orgs/acme": "/orgs/{org}",
    MONTH: "/orgs/{org}/months/{month}",
    "/orgs/acme/months/2025-11": "/orgs/{org}/months/{month}",
    f"{MONTH}/lines/1": "/orgs/{org}/months/{month}/lines/{line}",
    "/orgs/acme/budgets": "/orgs/{org}/budgets",
}


def program(served: Served, org: str = "acme") -> Browser:
    """What asks with a bearer token, for JSON."""
    token = served.links.make(org, 30, served.site.tools.now())
    return Browser(served.port, {"Authorization": f"Bearer {token}", "Accept": JSON})


def told(path: str, answer: Answer, method: str = "get") -> Any:
    """The content, if it is what the document says of the address; members that it does not name are faults."""
    said = document()
    schemas = {name: {**each, "additionalProperties": False} for name, each in said["components"]["schemas"].items()}
    response = said["paths"][path][method]["responses"][str(answer.status)]
    kind = answer.headers["content-type"].partition(";")[0]
    schema = {**response["content"][kind]["schema"], "components": {"schemas": schemas}}
    content = json.loads(answer.text)
    jsonschema_rs.validate(schema, content)
    assert {name.lower() for name in response.get("headers", {})} <= {name.lower() for name in answer.headers}
    return content


def test_each_answer_is_what_the_document_says(served: Served) -> None:
    asks = program(served)
    post(asks, b'{"amount": "10", "scope": {"app": "web"}}', JSON)
    for address, path in ADDRESSES.items():
        answer = asks.get(address)
        assert answer.status == 200
        assert told(path, answer), address
    assert told("/orgs/{org}/budgets", post(asks, b'{"amount": "20"}', JSON), "post")["budgets"]


def test_each_refusal_is_what_the_document_says(served: Served) -> None:
    asks = program(served)
    refused = {
        "/orgs/acme/months/2025-13": ("/orgs/{org}/months/{month}", 404),
        f"{MONTH}/lines/99": ("/orgs/{org}/months/{month}/lines/{line}", 404),
        "/orgs/bolt": ("/orgs/{org}", 403),
    }
    for address, (path, status) in refused.items():
        answer = asks.get(address)
        assert answer.status == status
        assert set(told(path, answer)) == {"title", "message"}
    stranger = Browser(served.port, {"Accept": JSON}).get("/orgs/acme")
    assert (stranger.status, stranger.headers["www-authenticate"]) == (401, "Bearer")
    told("/orgs/{org}", stranger)
    budget = post(asks, b'{"amount": "much"}', JSON)
    assert (budget.status, told("/orgs/{org}/budgets", budget, "post")["title"]) == (422, "Not set")
    changed = post(asks, b"{}", JSON, "/orgs/acme")
    assert (changed.status, changed.headers["allow"]) == (405, "GET, HEAD")
    told("/orgs/{org}", changed)
    removed = asks.get("/orgs/acme/budgets", method="DELETE")
    assert (removed.status, removed.headers["allow"]) == (405, "GET, HEAD, POST")


def test_who_asks_too_often_is_told_when_to_ask_again(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "REQUESTS", 1)
    with serving(served.site.tools, served.links) as port:
        asks = program(served)
        asks.port = port
        first, answer = (asks.get("/orgs/acme/budgets") for _ in range(2))
    assert (first.status, answer.status) == (200, 429)
    told("/orgs/{org}/budgets", answer)


def test_files_are_of_the_kinds_that_the_document_says(served: Served) -> None:
    response = document()["paths"][f"{ADDRESSES[MONTH]}/statement.{{form}}"]["get"]["responses"]["200"]
    kinds = {program(served).get(f"{MONTH}/statement.{form}").headers["content-type"] for form in FORMS}
    assert {kind.partition(";")[0] for kind in kinds} == set(response["content"])


def test_what_sets_a_budget_is_described_name_by_name() -> None:
    assert set(BUDGET) == set(FIELDS)


def test_it_is_there_for_everybody_and_names_each_address(served: Served) -> None:
    answer = Browser(served.port).get("/openapi.json")
    assert json.loads(answer.text) == document()
    page = (PROJECT / "docs" / "pages.md").read_text()
    addresses = re.findall("^. `(/orgs[^`]*)`", page, re.M)
    of_orgs = {re.sub("(ORG|MONTH|FORM|N)(?=/|$)", "{}", address) for address in addresses}
    assert {re.sub(r"{\w+}", "{}", path) for path in document()["paths"]} == of_orgs


@pytest.mark.skipif(shutil.which("schemathesis") is None, reason="schemathesis is not installed: it is tried by hand")
def test_schemathesis_finds_nothing(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "REQUESTS", 10**6)
    monkeypatch.setattr(access, "FAILURES", 10**6)
    links = Links(served.site.tools.page_links, SECRET)
    token = links.make("acme", 30, served.site.tools.now())
    with serving(served.site.tools, links) as port:
        settings = tmp_path / "schemathesis.toml"
        settings.write_text(CONFIGURED)
        command = ["schemathesis", "--config-file", str(settings), "--no-color", "run", "--checks", "all"]
        command += ["--header", f"Authorization: Bearer {token}", "--header", f"Accept: {JSON}"]
        command += ["--max-examples", os.environ.get("EXAMPLES", "20"), "--continue-on-failure"]
        command += [f"http://127.0.0.1:{port}/openapi.json"]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr

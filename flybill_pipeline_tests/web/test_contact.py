"""Whom a customer can ask, on the pages: some sentences say "please ask us"."""

from dataclasses import replace

import pytest

from flybill_pipeline_tests.web.conftest import Browser, Served, serving
from flybill_pipeline_tests.web.test_pages import Read

PATHS = ("", "/budgets", "/months/2025-10", "/months/2025-10/lines/1", "/nothing")
CONTACTS = {
    "a&b+1@cloud.example": "mailto:a%26b%2B1@cloud.example",
    "https://cloud.example/ask?of=bills": "https://cloud.example/ask?of=bills",
}


@pytest.mark.parametrize("contact", CONTACTS)
def test_each_page_says_whom_to_ask_also_who_has_no_link(served: Served, contact: str) -> None:
    tools = served.site.tools
    asked = replace(tools, settings=tools.settings.model_copy(update={"contact": contact}))
    token = served.links.make("acme", 1, tools.now())
    with serving(asked, served.links) as port:
        developer = Browser(port, {"Authorization": f"Bearer {token}", "Accept": "text/html"})
        answers = [developer.get(f"/orgs/acme{path}").text for path in PATHS]
        answers.append(developer.get("/orgs/acme/months/2025-10/statement.html").text)
        for page in map(Read, [*answers, Browser(port).get("/orgs/acme").text]):
            assert f"Do you have a question? {contact}" in page.text
            assert CONTACTS[contact] in page.links


def test_where_nobody_is_named_nothing_is_said_of_it(served: Served) -> None:
    assert "question" not in Read(served.browser("acme").get("/orgs/acme").text).text

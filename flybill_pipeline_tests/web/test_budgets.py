"""Setting a budget on a page without scripts, and as JSON: what is taken, what is refused, and who may not."""

import json
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, build_opener

import pytest

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.exports.looks import UNBREAKABLE
from flybill_pipeline.questions.owed import owed
from flybill_pipeline.web import budget_form
from flybill_pipeline_tests.web.conftest import Answer, Browser, NoRedirect, Served
from flybill_pipeline_tests.web.test_pages import Read

PATH = "/orgs/acme/budgets"
FORM, JSON = "application/x-www-form-urlencoded", "application/json"


def post(browser: Browser, body: bytes, kind: str, path: str = PATH, **headers: str) -> Answer:
    request = Request(
        f"http://127.0.0.1:{browser.port}{path}",
        data=body,
        headers={**browser.headers, "content-type": kind, **headers},
    )
    try:
        with build_opener(NoRedirect).open(request, timeout=30) as answer:
            return Answer(answer.status, dict(answer.headers.items()), answer.read().decode())
    except HTTPError as error:
        return Answer(error.code, dict(error.headers.items()), error.read().decode())


def key_in(page: Answer) -> str:
    found = re.search(r'name="form_key" value="([^"]+)"', page.text)
    assert found is not None
    return found[1]


def send(browser: Browser, fields: Mapping[str, str]) -> Answer:
    """What a browser sends that has the page open."""
    form_key = key_in(browser.get(PATH))
    return post(browser, urlencode({"form_key": form_key, **fields}).encode(), FORM)


def budgets(served: Served) -> list[tuple[int, tuple[int, ...]]]:
    answer = owed(served.site.tools, "acme", Month(2025, 11))
    return [(each.budget.amount_minor, tuple(each.budget.thresholds)) for each in answer.budgets]


def test_a_budget_is_set_changed_and_taken_away_by_a_form(served: Served) -> None:
    developer = served.browser("acme")
    assert "Set a budget" in developer.get("/orgs/acme").text
    answer = send(developer, {"amount": "10.00", "scope": "", "thresholds": "50 80 100"})
    assert (answer.status, answer.headers["location"]) == (303, f"{PATH}?changed=1")
    page = developer.get(answer.headers["location"])
    assert Fields(page.text).title.startswith("Changed: Budgets of ")
    assert Fields(page.text).focused == ["status"]  # else who does not see it hears the page again, and no answer
    assert "Your change is kept." in Read(page.text).text
    assert "Your change is kept." not in Read(developer.get(PATH).text).text
    sentence = "November 2025 has come to $2.00 so far: 20% of the budget of $10.00."
    for path in (PATH, "/orgs/acme", "/orgs/acme/months/2025-11"):
        assert sentence in Read(developer.get(path).text).text, path
    assert "You are told at 50%, 80%, 100%." in Read(developer.get(PATH).text).text
    german = f"Wir sagen es Ihnen bei 50{UNBREAKABLE}%, 80{UNBREAKABLE}%, 100{UNBREAKABLE}%."
    assert german in Read(developer.get(f"{PATH}?lang=de").text).text
    developer.get(f"{PATH}?lang=en")
    (drawn,) = re.findall('<line class="budget".*?>', developer.get("/orgs/acme").text)
    assert "stroke-dasharray=" in drawn  # it is told as the dotted one, also without styles
    send(developer, {"amount": "20", "scope": "", "thresholds": "90%"})
    assert budgets(served) == [(2000, (90,))]
    send(developer, {"amount": "30", "scope": "", "thresholds": ""})
    assert budgets(served) == [(3000, (90,))]  # where no percents are sent, they stay
    send(developer, {"amount": "", "scope": ""})
    assert budgets(served) == []
    assert "There is none yet" in developer.get(PATH).text


def test_a_program_sets_a_budget_with_its_token(served: Served) -> None:
    token = served.links.make("acme", 1, served.site.tools.now())
    program = Browser(served.port, {"Authorization": f"Bearer {token}", "Accept": JSON})
    body = json.dumps({"amount": 12.5, "scope": {"region": "iad"}, "thresholds": [25, 75]}).encode()
    answer = json.loads(post(program, body, JSON).text)
    assert (
        answer["budgets"][0] | {"amount_minor": 1250, "scope": {"region": "iad"}, "thresholds": [25, 75]}
        == (answer["budgets"][0])
    )
    assert json.loads(program.get(PATH).text) == answer
    post(program, json.dumps({"scope": {"region": "iad"}}).encode(), JSON)
    assert json.loads(program.get(PATH).text)["budgets"] == []


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"amount": "ten"}, "Write the amount as a number above 0"),
        ({"amount": "-1"}, "Write the amount as a number above 0"),
        ({"amount": "1.001"}, "with the decimals of its currency"),
        ({"amount": "5", "thresholds": "all"}, "Write the percents as whole numbers"),
        ({"amount": "5", "scope": "<script>"}, "Write what it is for as app=web"),
        ({"amount": "5", "scope": '{"app": "\\ud800"}'}, "Write what it is for as app=web"),
        ({"scope": ""}, "There is no such budget to take away"),
    ],
)
def test_what_is_wrong_is_said_on_the_page_and_nothing_is_set(
    served: Served, fields: dict[str, str], said: str
) -> None:
    answer = send(served.browser("acme"), fields)
    assert answer.status == 422
    assert said in Read(answer.text).text
    assert "<script>" not in answer.text
    assert budgets(served) == []


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"amount": "ten"}, "amount"),
        ({"amount": "5", "thresholds": "all"}, "thresholds"),
        ({"amount": "5", "scope": "<script>"}, "scope"),
        ({"amount": ""}, "amount"),
        ({"amount": "5", "form_key": "old"}, None),
    ],
)
def test_who_does_not_see_the_form_hears_which_field_is_wrong_and_why(
    served: Served, fields: dict[str, str], wrong: str | None
) -> None:
    page = Fields(send(served.browser("acme"), fields).text)
    assert page.title.startswith("Not set: Budgets of ")
    assert {name for name, each in page.fields.items() if each.get("aria-invalid") == "true"} == {wrong} - {None}
    assert {name for name, each in page.fields.items() if "autofocus" in each} == {wrong} - {None}
    assert page.focused == [wrong or "alert"]
    for name, each in page.fields.items():
        describing = (each.get("aria-describedby") or "").split()
        assert set(describing) <= page.ids
        assert ("fault" in describing) == (name == wrong)
    untouched = Fields(served.browser("acme").get(PATH).text)
    assert untouched.title.startswith("Budgets of ") and "fault" not in untouched.ids


class Fields(HTMLParser):
    """What a form has: each field by its name with its attributes, all ids, what has the focus, the page's title."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: dict[str, dict[str, str | None]] = {}
        self.ids: set[str] = set()
        self.focused: list[str] = []
        self.title, self._in_title = "", False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self._in_title = tag == "title"
        if tag in ("input", "select") and known.get("type") != "hidden":
            self.fields[known["name"] or ""] = known
        self.focused += [known.get("name") or known.get("role") or tag] if "autofocus" in known else []
        self.ids |= {known["id"] or ""} if "id" in known else set()

    def handle_data(self, data: str) -> None:
        self.title += data if self._in_title else ""
        self._in_title = False


def test_what_is_wrong_is_said_in_the_language_of_the_page(served: Served) -> None:
    german = served.browser("acme")
    german.get(f"{PATH}?lang=de")
    answer = post(
        german, urlencode({"form_key": key_in(german.get(PATH)), "amount": "1,5"}).encode(), FORM, f"{PATH}?lang=de"
    )
    assert "Schreiben Sie den Betrag als Zahl über 0 mit Punkt" in Read(answer.text).text


@pytest.mark.parametrize(
    "sent",
    [
        {"ammount": 250},
        {"amount": []},
        {"amount": {}},
        {"amount": True},
        {"amount": 1, "scope": ["a=b"]},
        {"amount": 1, "thresholds": [[50]]},
        {"thresholds": [50]},
        {"amount": None, "thresholds": "50"},
    ],
)
def test_no_slip_of_a_program_ends_a_budget(served: Served, sent: Mapping[str, object]) -> None:
    token = served.links.make("acme", 1, served.site.tools.now())
    program = Browser(served.port, {"Authorization": f"Bearer {token}", "Accept": JSON})
    post(program, b'{"amount": 250}', JSON)
    assert post(program, json.dumps(sent).encode(), JSON).status == 422
    assert budgets(served) == [(25000, (50, 80, 100))]
    post(program, b"{}", JSON)
    assert budgets(served) == []


def test_a_program_that_sets_budgets_without_end_is_stopped(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget_form, "MOST_BUDGETS", 2)
    token = served.links.make("acme", 1, served.site.tools.now())
    program = Browser(served.port, {"Authorization": f"Bearer {token}", "Accept": JSON})
    bodies = [json.dumps({"amount": 5, "scope": {"app": str(number)}}).encode() for number in (1, 2, 3)]
    assert [post(program, body, JSON).status for body in bodies] == [200, 200, 422]
    assert [post(program, json.dumps({"scope": {"app": str(number)}}).encode(), JSON).status for number in (1, 2)] == [
        200,
        200,
    ]


def test_no_other_site_and_no_other_organization_sets_a_budget(served: Served) -> None:
    developer, other = served.browser("acme"), served.browser("<other>")
    fields = {"amount": "10", "scope": ""}
    for form_key in ("", "x", "\xe9", key_in(other.get("/orgs/%3Cother%3E/budgets"))):
        answer = post(developer, urlencode({**fields, "form_key": form_key}).encode(), FORM)
        assert (answer.status, "The page was too old" in answer.text) == (422, True)
    assert post(developer, json.dumps(fields).encode(), JSON).status == 422
    assert post(other, urlencode(fields).encode(), FORM).status == 403
    assert post(Browser(served.port), urlencode(fields).encode(), FORM).status == 403
    assert budgets(served) == []


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"x" * 100_000, FORM),
        (b"&".join(b"a=1" for _ in range(50)), FORM),
        (b"\xff\xfe", FORM),
        (b"[1, 2]", JSON),
        (b"{", JSON),
        (b"[" * 10_000, JSON),
        (b"amount=5", "text/plain"),
    ],
)
def test_garbage_is_refused_in_one_sentence(served: Served, body: bytes, kind: str) -> None:
    token = served.links.make("acme", 1, served.site.tools.now())
    answer = post(Browser(served.port, {"Authorization": f"Bearer {token}", "Accept": JSON}), body, kind)
    assert answer.status == 422
    assert json.loads(answer.text)["title"] == "Not set"
    assert budgets(served) == []


def test_other_pages_take_nothing(served: Served) -> None:
    assert post(served.browser("acme"), b"a=1", FORM, "/orgs/acme").status == 405

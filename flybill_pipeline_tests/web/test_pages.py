"""What a developer reads in a browser, over real HTTP: their own months alone, the numbers of `owes`, and no markup."""

import json
import posixpath
import re
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
from sqlalchemy.exc import OperationalError

from flybill_pipeline.billing.alerts.plain import visible
from flybill_pipeline.billing.invoicing.terms import EVER
from flybill_pipeline.billing.pricing.breakdowns import Breakdown
from flybill_pipeline.billing.words.english import ENGLISH, english
from flybill_pipeline.billing.words.languages import LANGUAGES
from flybill_pipeline.exports.forms import FORMS
from flybill_pipeline.exports.looks import UNBREAKABLE
from flybill_pipeline.exports.statement_json import owed_data
from flybill_pipeline.languages.chosen import language
from flybill_pipeline.questions.changed import Changed
from flybill_pipeline.questions.explained import ExplainedLine, UsedDay, UsedEvent
from flybill_pipeline.questions.history import History
from flybill_pipeline.questions.owed import Owed, owed
from flybill_pipeline.questions.spent import Spent
from flybill_pipeline.stores.postgres import shards
from flybill_pipeline.web.access import FAILURES
from flybill_pipeline.web.answers import TYPES
from flybill_pipeline.web.charts import Curve
from flybill_pipeline.web.guard import HEADERS
from flybill_pipeline.web.links import Links
from flybill_pipeline.web.looks import environment, page_of
from flybill_pipeline.web.pages import warm
from flybill_pipeline.web.views import ShownEvents
from flybill_pipeline_tests.cli.render import hostile as hostile_values
from flybill_pipeline_tests.cli.render.hostile import CONTROLS, hostile
from flybill_pipeline_tests.web.conftest import HOSTILE, MONTH, Answer, Browser, Served, serving
from flybill_pipeline_tests.worlds.organizations import org_row

NO_FORM = "/orgs/acme/months/2025-10/statement.exe"
NOTHING = "\N{EN DASH}"
TEXTS = (
    "html",
    "head",
    "meta",
    "title",
    "link",
    "body",
    "a",
    "header",
    "nav",
    "main",
    "footer",
    "div",
    "p",
    "h1",
    "h2",
)
OTHERS = (
    "section",
    "ul",
    "li",
    "span",
    "table",
    "thead",
    "tbody",
    "tfoot",
    "tr",
    "th",
    "td",
    "svg",
    "line",
    "polyline",
)
OURS = {
    *TEXTS,
    *OTHERS,
    "bdi",
    "span",
    "details",
    "summary",
    "strong",
    "form",
    "label",
    "input",
    "select",
    "option",
    "button",
}
"""Every element that a template of ours has."""


class Read(HTMLParser):
    """A page as a browser reads it: its elements, where its links lead, its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        self.handlers += [name for name, _ in attrs if name.startswith("on") or name == "style"]

    def handle_data(self, data: str) -> None:
        self.text += data


def read(answer: Answer) -> Read:
    assert answer.status == 200, answer
    return Read(answer.text)


def test_the_first_page_says_what_is_owed_now_and_what_became_of_each_month(served: Served) -> None:
    page = read(served.browser("acme").get("/orgs/acme"))
    for sentence in (
        "November 2025 is still running: you owe $2.00 so far.",
        "The last day of the month is November 30, 2025 (UTC); your invoice is made on December 3, 2025.",
        "Usage is counted up to November 5, 2025, 00:00 UTC.",
        "You owe $13.00 for October 2025 (invoice FB-2025-10-000001).",
    ):
        assert sentence in page.text
    assert "/orgs/acme/months/2025-10" in page.links


def test_a_month_and_its_lines_lead_down_to_the_events(served: Served) -> None:
    developer = served.browser("acme")
    month = read(developer.get("/orgs/acme/months/2025-10"))
    answer = owed(served.site.tools, "acme", MONTH)
    assert english(*answer.statement.message) in month.text
    for billed in answer.lines:
        assert billed.description in month.text
    assert "/orgs/acme/months/2025-10/lines/1" in month.links
    line = read(developer.get("/orgs/acme/months/2025-10/lines/1"))
    assert "All months October 2025" in " ".join(line.text.split())  # two links, without styles too
    assert "3 records, together 1,300. Billed as 1,300 seconds." in " ".join(line.text.split())
    assert [day in line.text for day in ("2025-10-05", "2025-10-07", "2025-10-08")] == [True] * 3


def test_the_days_of_both_months_stand_beside_each_other(served: Served) -> None:
    page = served.browser("acme").get("/orgs/acme").text
    rows = re.findall(r'<th scope="row">(\d+)</th><td class="amount">(\S+)</td>\s*<td class="amount">(\S+)</td>', page)
    assert rows[3:8] == [
        ("4", "$2.00", "$0.00"),
        ("5", NOTHING, "$1.00"),
        ("6", NOTHING, "$1.00"),
        ("7", NOTHING, "$5.00"),
        ("8", NOTHING, "$13.00"),
    ]


def test_what_is_not_there_is_not_found(served: Served) -> None:
    developer = served.browser("acme")
    for path in (
        "/orgs/acme/months/2025-13",
        "/orgs/acme/months/x",
        "/orgs/acme/months/0001-01",
        "/orgs/acme/months/9998-12",
        "/orgs/acme/months/2025-10/lines/99",
        "/orgs/acme/months/2025-10/lines/-1",
        f"/orgs/acme/months/2025-10/lines/{'9' * 5000}",
        "/robots.txt",
    ):
        assert developer.get(path).status == 404, path


def test_an_organization_finds_its_pages_whatever_its_id_is(served: Served) -> None:
    for org_id in ("..", ".", "a/months/2025-10", "a/months/2025-10/lines/1", "/", "a/", "%2F", "é?#;"):
        served.site.tools.organizations.save([org_row(org_id, name="Odd")], EVER)
        developer = served.browser(org_id)
        first = as_browsers_go(developer.get("/").headers["location"])
        page = read(developer.get(first))
        assert "What Odd owes" in page.text, org_id
        (month,) = (link for link in page.links if "/months/" in link)
        assert "Odd" in read(developer.get(as_browsers_go(month))).text, org_id
        assert "Odd" in read(developer.get(f"{first}/")).text, org_id
        assert served.browser("acme").get(first).status == 403


def test_a_month_to_come_is_not_said_to_run(served: Served) -> None:
    developer, path = served.browser("acme"), "/orgs/acme/months/2026-01"
    page = read(developer.get(path))
    assert "January 2026 has not begun: what is known of it comes to $0.00." in page.text
    assert "Nothing was used" not in page.text
    assert "so far" not in page.text
    assert "If the month goes on" not in page.text
    answer = json.loads(developer.get(path, Accept="application/json").text)
    assert (answer["forecast"], answer["forecast_minor"]) == (None, 0)


def test_what_every_page_reads_is_opened_before_the_first_is_asked_for(served: Served) -> None:
    tools = replace(served.site.tools)
    warm(tools)
    assert {"usage", "unread_lately", "engine"} <= vars(tools).keys()
    tools.close()
    short = replace(tools, settings=tools.settings.model_copy(update={"database_url": "postgresql://nobody@/x?port=1"}))
    warm(short)  # who asks is told


def test_what_is_owed_stands_before_what_it_may_come_to(served: Served) -> None:
    page = read(served.browser("acme").get("/orgs/acme")).text
    assert page.index("$2.00") < page.index("you owe $2.00 so far") < page.index("If the month goes on")


def as_browsers_go(address: str) -> str:
    """The path that a browser asks for: it goes up at .. itself, also where that is written as %2e%2e."""
    return posixpath.normpath(re.sub("(?i)(?<=/)((%2e){1,2})(?=/|$)", lambda dots: unquote(dots[0]), address))


def test_no_answer_leads_to_a_host_that_the_request_names(served: Served) -> None:
    for path in ("/orgs", "/static", "/link/x/", "/orgs/acme/"):
        assert "location" not in Browser(served.port).get(path, Host="evil.example").headers, path


def test_a_link_opens_the_pages_of_its_organization_alone(served: Served) -> None:
    other, nobody = served.browser("<other>"), Browser(served.port)
    assert read(other.get("/orgs/%3Cother%3E")).text.count(HOSTILE) >= 1
    answers = [
        other.get("/orgs/acme"),
        other.get("/orgs/acme/months/2025-10"),
        other.get("/orgs/acme/months/2025-10/lines/1"),
        other.get("/orgs/unheard-of"),
        nobody.get("/orgs/acme"),
        nobody.get("/"),
    ]
    assert {(answer.status, answer.text) for answer in answers} == {(403, answers[0].text)}
    assert "$" not in answers[0].text


def test_a_link_that_was_changed_has_expired_or_was_taken_back_opens_nothing(served: Served) -> None:
    now = served.site.tools.now()
    token, old = served.links.make("acme", 30, now), served.links.make("acme", 1, now - timedelta(days=2))
    forged = Links(served.site.tools.page_links, "another secret that is long enough, too").make("acme", 30, now)
    head, _, signature = token.partition(".")
    odd = [old, forged, head, f"{head}.", f".{signature}", token[:-1], token.swapcase(), token * 9, "x", "%00", "a%2Fb"]
    nobody = Browser(served.port)
    assert {nobody.get(f"/link/{each}").status for each in odd} <= {403, 404}
    assert nobody.get(f"/link/{token}").status == 303
    holding = served.holding(token)
    assert served.links.revoke("acme", now) == 2  # the forged one is kept too, and opens nothing
    assert holding.get("/orgs/acme").status == 403
    assert served.links.revoke("acme", now) == 0


def test_a_program_sends_its_link_as_a_bearer_token(served: Served) -> None:
    token = served.links.make("acme", 30, served.site.tools.now())
    assert read(Browser(served.port, {"Authorization": f"Bearer {token}"}).get("/orgs/acme"))
    refused = Browser(served.port).get("/orgs/acme", Accept="Application/JSON")
    assert (refused.status, json.loads(refused.text)["title"]) == (401, "No access")
    for wrong in ("", "Bearer", "Bearer x", f"Basic {token}", token):
        assert Browser(served.port, {"Authorization": wrong}).get("/orgs/acme").status == 403


def test_programs_get_the_numbers_of_the_command_line(served: Served) -> None:
    program = served.browser("acme")
    month = program.get("/orgs/acme/months/2025-10", Accept="application/json")
    assert json.loads(month.text) == owed_data(owed(served.site.tools, "acme", MONTH))
    first = json.loads(program.get("/orgs/acme", Accept="application/json").text)
    assert (first["now"]["month"], first["now"]["total_minor"]) == ("2025-11", 200)
    assert [(each["month"], each["state"], each["total_minor"]) for each in first["months"]] == [
        ("2025-10", "invoiced", 1300)
    ]
    assert first["usage_by_day"][-1] == {"day": "2025-11-04", "total_minor": 200}
    line = json.loads(program.get("/orgs/acme/months/2025-10/lines/1", Accept="application/json").text)
    assert (line["events_count"], line["events_quantity"], line["usage_quantity"]) == (3, "1300", "1300")
    assert [event["event_id"] for event in line["events"]] == ["0", "2", "3"]
    assert [(each["day"], each["events_count"]) for each in line["days"]] == [
        ("2025-10-05", 1),
        ("2025-10-07", 1),
        ("2025-10-08", 1),
    ]


def test_a_line_of_more_events_than_are_read_at_once_is_shown_from_a_day_on(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flybill_pipeline.web.views.MOST_ROWS", 1)
    developer, path = served.browser("acme"), "/orgs/acme/months/2025-10/lines/1"
    first = read(developer.get(path))
    assert "1 of 3 records are shown." in first.text
    later = f"{path}?since=2025-10-07"
    assert f"{later}#events" in first.links
    shown = read(developer.get(later))
    assert "Each record since October 7, 2025" in shown.text
    assert "?lang=de&since=2025-10-07" in shown.links  # in another language it is the same page
    line = json.loads(developer.get(later, Accept="application/json").text)
    assert ([each["event_id"] for each in line["events"]], line["events_count"]) == (["2"], 3)


@pytest.mark.parametrize("since", ["2025-10-06", "2025-11-07", "yesterday", "", "%00"])
def test_a_day_on_which_a_line_has_nothing_is_not_there(served: Served, since: str) -> None:
    assert served.browser("acme").get(f"/orgs/acme/months/2025-10/lines/1?since={since}").status == 404


@pytest.mark.parametrize("form", FORMS)
def test_a_statement_can_be_kept_in_every_form_of_an_export(served: Served, form: str) -> None:
    answer = served.browser("acme").get(f"/orgs/acme/months/2025-10/statement.{form}")
    assert answer.headers["content-disposition"] == f'attachment; filename="statement-2025-10.{form}"'
    assert answer.headers["content-type"] == TYPES[form]
    assert answer.text == FORMS[form](owed(served.site.tools, "acme", MONTH), ENGLISH)
    assert served.browser("<other>").get(f"/orgs/acme/months/2025-10/statement.{form}").status == 403


@pytest.mark.parametrize(
    "path",
    [
        "/static/../links.py",
        "/static/%2e%2e/links.py",
        "/static/..%2flinks.py",
        "/orgs/acme/../../etc/passwd",
        "/orgs/acme%0d%0aSet-Cookie:%20x=y",
        "/link/x%0d%0aSet-Cookie:%20x=y",
        "//evil.example/orgs/acme",
        "/orgs/acme/months/2025-10%00",
    ],
)
def test_odd_paths_lead_nowhere(served: Served, path: str) -> None:
    answer = served.browser("acme").get(path)
    assert answer.status in (403, 404)
    assert "set-cookie" not in answer.headers
    assert "location" not in answer.headers


def test_every_answer_may_run_nothing_and_be_kept_by_nobody_else(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    developer = served.browser("acme")
    answers = [developer.get(path) for path in ("/", "/orgs/acme", "/static/style.css", "/nowhere")]
    answers.append(Browser(served.port).get("/orgs/acme"))
    monkeypatch.setattr("flybill_pipeline.web.views.owed_by", lambda *_: 1 / 0)
    answers.append(developer.get("/orgs/acme"))
    assert [answer.status for answer in answers] == [303, 200, 200, 404, 403, 500]
    for answer in answers:
        assert {name: answer.headers[name.lower()] for name in HEADERS} == HEADERS


def test_where_customers_come_over_https_the_link_is_kept_for_https_alone(served: Served) -> None:
    with serving(served.site.tools, served.links, "https://billing.example") as port:
        token = served.links.make("acme", 30, served.site.tools.now())
        kept = Browser(port).get(f"/link/{token}").headers["set-cookie"].lower()
    assert all(word in kept for word in ("; secure", "; httponly", "; samesite=lax"))


def test_a_browser_keeps_a_link_as_long_as_it_holds(served: Served) -> None:
    token = served.links.make("acme", 30, served.site.tools.now())
    served.clock[0] += timedelta(days=29, microseconds=1)
    kept = Browser(served.port).get(f"/link/{token}").headers["set-cookie"].lower()
    assert "; max-age=86399;" in kept


def test_a_browser_can_hold_the_links_of_several_organizations(served: Served) -> None:
    cookies = [served.browser(org).headers["Cookie"] for org in ("acme", "<other>")]
    both = Browser(served.port, {"Cookie": "; ".join(cookies)})
    assert [both.get(path).status for path in ("/orgs/acme", "/orgs/%3Cother%3E", "/orgs/nobody")] == [200, 200, 403]


def refuse(*_: object, **_more: object) -> None:
    raise OperationalError("connect", None, ConnectionRefusedError("nobody listens"))


def test_while_the_database_is_away_pages_say_so_and_come_back(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    developer = served.browser("acme")
    served.site.tools.engine.dispose()
    with monkeypatch.context() as away:
        away.setattr("psycopg2.connect", refuse)
        answer = developer.get("/orgs/acme")
    assert (answer.status, answer.headers["retry-after"]) == (503, "30")
    assert "What you owe stands as it was" in answer.text
    assert [record.exc_info for record in caplog.records if record.name == "flybill_pipeline.web.pages"] == [None]
    assert developer.get("/orgs/acme").status == 200


def test_pages_that_began_before_the_shards_were_more_say_so_as_if_the_database_were_away(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    developer = served.browser("acme")
    served.site.tools.engine.dispose()
    with monkeypatch.context() as resharded:
        resharded.setattr(shards, "_shards_of", lambda *_: 256)
        answer = developer.get("/orgs/acme")
    assert (answer.status, answer.headers["retry-after"]) == (503, "30")
    [record] = [record for record in caplog.records if record.name == "flybill_pipeline.web.pages"]
    assert "has 256 shards by now, and this process began with 1: start it again" in record.getMessage()
    assert record.exc_info is None


def test_who_guesses_links_must_wait_and_others_need_not(served: Served) -> None:
    nobody, developer = Browser(served.port), served.browser("acme")
    came_from = [{"X-Forwarded-For": f"192.0.2.{number}"} for number in range(FAILURES + 1)]  # or so it says
    answers = [nobody.get(f"/link/{number}", **said) for number, said in enumerate(came_from)]
    assert [answer.status for answer in answers] == [403] * FAILURES + [429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 61
    assert developer.get("/orgs/acme").status == 200


def test_the_pages_of_one_organization_keep_nobody_from_theirs(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """More requests than there are threads, none of which comes to an end: a line of a million events takes long."""
    done, developer, other = threading.Event(), served.browser("acme"), served.browser("<other>")
    monkeypatch.setattr("flybill_pipeline.web.views.of_line", lambda *_: done.wait() and 1 / 0)
    with ThreadPoolExecutor(60) as pool:
        asked = [pool.submit(developer.get, "/orgs/acme/months/2025-10/lines/1") for _ in range(60)]
        try:
            assert wait(asked, 1).not_done
            assert other.get("/orgs/%3Cother%3E").status == 200
        finally:
            done.set()
    assert {each.result().status for each in asked} == {500}


def test_a_page_that_fails_says_so_and_tells_nothing_else(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    developer = served.browser("acme")
    monkeypatch.setattr("flybill_pipeline.web.views.owed", lambda *_: 1 / 0)
    answer = developer.get("/orgs/acme/months/2025-10")
    assert answer.status == 500
    assert "What you owe stands as it was" in answer.text
    assert "ZeroDivision" not in answer.text


EVIL = f"<script>alert(1)</script><img src=x onerror=x>\"' onmouseover=x </title>{{{{ 7 * 7 }}}} javascript:x{CONTROLS}"


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("template", ["overview", "month", "line", "budgets", "sentence"])
def test_no_text_of_anybody_elses_is_markup(template: str, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every text of an answer is hostile, made from the types: no list that could miss one."""
    monkeypatch.setattr(hostile_values, "TEXT", EVIL)
    event = hostile(UsedEvent)
    values = {
        "owed": replace(hostile(Owed), find_changed=lambda: hostile(Changed)),
        "forms": list(FORMS),
        "page_of_line": partial(page_of, EVIL, MONTH),
        "breakdowns": [hostile(Breakdown)],
        "history": hostile(History),
        "spent": Spent(MONTH, "usd", ()),
        "days": [(1, 7, None)],
        "curves": [Curve("0,0 1,1", 7)] * 2,
        "budget_level": 3,
        "choices": [{"value": EVIL, "name": EVIL}],
        "thresholds": (50,),
        "form_key": EVIL,
        "sent": {"amount": EVIL, "scope": EVIL, "thresholds": EVIL},
        "fault": EVIL,
        "wrong": "scope",
        "changed": False,
        "org_id": EVIL,
        "month": MONTH,
        "explained": hostile(ExplainedLine),
        "places": {EVIL: 1},
        "events": ShownEvents([event], 2, Decimal(1), [UsedDay(date(2025, 10, 7), 1, Decimal(1))] * 2),
        "later": ShownEvents([event], 1, Decimal(1)),
        "since": date(2025, 10, 7),
        "title": EVIL,
        "text": EVIL,
    }
    page = environment(language(code)).get_template(f"{template}.html.j2").render(values)
    shown = Read(page)
    assert shown.elements <= OURS
    assert shown.handlers == []
    assert all(link.startswith(("/static/", "/orgs/", "#", "?lang=")) for link in shown.links)
    assert visible(EVIL) in shown.text
    assert page.replace("\n", "").replace(UNBREAKABLE, "").isprintable()


def test_a_page_is_in_the_language_that_its_reader_asks_for(served: Served) -> None:
    developer, path = served.browser("acme"), "/orgs/acme/months/2025-10"
    german = read(developer.get(path, **{"Accept-Language": "de-AT,en;q=0.5"}))
    assert f"Für Oktober 2025 sind 13,00{UNBREAKABLE}$ zu zahlen (Rechnung FB-2025-10-000001)." in german.text
    assert "1.300 Sekunden" in german.text
    assert '<html lang="de">' in developer.get(f"{path}?lang=de").text
    program = {"Accept": "application/json", "Accept-Language": "de"}
    answers = [json.loads(developer.get(path, **more).text) for more in (program, {"Accept": "application/json"})]
    assert [answer.pop("message")[:3] for answer in answers] == ["Für", "You"]
    assert [answer.pop("next_step")[:3] for answer in answers] == ["Der", "The"]
    assert [answer.pop("freshness") for answer in answers] == ["", ""]  # usage of a settled month is not awaited
    assert answers[0] == answers[1]  # codes, amounts and what is on record are the same


def test_what_a_reader_chose_stays_chosen(served: Served) -> None:
    developer, path = served.browser("acme"), "/orgs/acme"
    chosen = developer.get(f"{path}?lang=de")
    kept = chosen.headers["set-cookie"].partition(";")[0]
    cookies = "; ".join((developer.headers["Cookie"], kept))
    again = developer.get(path, Cookie=cookies, **{"Accept-Language": "en"})
    assert '<html lang="de">' in again.text
    assert 'href="?lang=en" lang="en"' in again.text
    assert "set-cookie" not in developer.get(f"{path}?lang=tlh").headers


def test_a_link_may_say_the_language_too(served: Served) -> None:
    token = served.links.make("acme", 30, served.site.tools.now())
    opened = Browser(served.port).get(f"/link/{token}?lang=de")
    assert "flybill_language=de" in opened.headers["set-cookie"]


def test_an_amount_is_not_parted_from_its_sign(served: Served) -> None:
    page = served.browser("acme").get("/orgs/acme?lang=de").text
    assert f"2,00{UNBREAKABLE}$" in page
    assert "2,00 $" not in page


def test_an_organization_has_a_language_of_its_own(served: Served) -> None:
    tools = served.site.tools
    save = partial(tools.organizations.save, now=tools.now())
    save([org_row("acme", language="de")])
    try:
        assert '<html lang="de">' in served.browser("acme").get("/orgs/acme", **{"Accept-Language": "en"}).text
        assert 'lang="de"' in served.browser("acme").get("/orgs/acme/months/2025-10/statement.html").text
    finally:
        save([org_row("acme", language=None)])


def test_a_stranger_is_refused_in_the_language_of_the_browser(served: Served) -> None:
    refused = Browser(served.port).get("/orgs/acme", **{"Accept-Language": "de"})
    assert (refused.status, "Kein Zugang" in refused.text) == (403, True)

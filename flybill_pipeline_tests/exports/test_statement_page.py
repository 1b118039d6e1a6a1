"""The statement as one HTML file: complete, of nobody else's markup, loading and running nothing."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any, get_args

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flybill_pipeline.billing.alerts.plain import visible
from flybill_pipeline.billing.invoicing.forecast import as_it_is
from flybill_pipeline.billing.payments.standing import Payment, PaymentState
from flybill_pipeline.billing.pricing.portions import Portion
from flybill_pipeline.billing.pricing.working import WorkingStep
from flybill_pipeline.billing.words.english import english
from flybill_pipeline.billing.words.languages import LANGUAGES
from flybill_pipeline.exports.statement_json import owed_data
from flybill_pipeline.exports.statement_page import statement_html
from flybill_pipeline.languages.chosen import language
from flybill_pipeline.questions.owed import Owed
from flybill_pipeline_tests.cli.render.hostile import TEXT
from flybill_pipeline_tests.exports.statements import MONTH, NOW, by_app, credit_note, line, owed
from flybill_pipeline_tests.worlds.effort import examples

HOSTILE = "</td><script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7*7 }}{% raw %}<!--&lt;"
PAYMENT = Payment("open", "usd", 2500, 100, 2400, 0, 0, 0, 0, NOW, 0, None, NOW + timedelta(days=9), None, None)


class Page(HTMLParser):
    """What a browser would make of a file: its elements with the names of their attributes, its text, its links."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.words: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_comment(self, data: str) -> None:
        self.elements.append(("comment", ()))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


def told_with(text: str) -> Owed:
    """An answer in which every text that comes from outside is this one."""
    first = by_app(500, web=text)._replace(description=text, title=text, unit=text, dimensions={text: text})
    noted = WorkingStep("below_zero", note=text)
    lines = [first._replace(working=(*first.working, noted, WorkingStep(text))), by_app(100, web=text)]
    payment = replace(PAYMENT, hosted_invoice_url=text, invoice_pdf=text)
    return owed(lines, [credit_note(1, reason=text, number=text)], name=text, sync_state="finalized", payment=payment)


@settings(max_examples=examples(100))
@given(st.text(st.one_of(st.sampled_from("<>&\"'{}%#/=!-; \n\x00"), st.characters()), min_size=1, max_size=30))
@example(HOSTILE)
@example(TEXT)
@example("javascript:alert(1)")
def test_no_text_of_anybody_becomes_markup(text: str) -> None:
    harmless, page = Page(statement_html(told_with("x"))), Page(statement_html(told_with(text)))
    addresses = text.startswith(("https://", "http://"))
    assert page.elements == harmless.elements or addresses
    assert page.links == [] or addresses
    assert [each for each in page.text if not each.isprintable()] == []


def test_it_says_what_it_comes_to_by_app() -> None:
    plan = line(2000, kind="subscription", meter=None, dimensions={"plan": "pro"}, description="Pro")
    many = line(7, portions=tuple(Portion({"app": f"a{n}"}, Decimal(1), 1) for n in range(7)))
    lines = [by_app(400), by_app(100), line(50, meter="requests"), plan, many]
    text = Page(statement_html(owed(lines), language("de"))).text
    web_and_worker = "Nach app web 3,75 $ worker 1,25 $"
    rest = "ohne app 0,50 $ Pläne, Guthaben und alles andere, was keine Nutzung ist 20,00 $ Zusammen, ohne Steuer 25,57"
    assert web_and_worker in text
    assert rest in text
    assert "andere Werte" not in text
    lines.append(line(7, portions=tuple(Portion({"app": f"b{n}"}, Decimal(1), 1) for n in range(7))))
    assert "worker $1.25 a0 $0.01" in Page(statement_html(owed(lines))).text
    assert "b2 $0.01 4 others $0.04 without app $0.50" in Page(statement_html(owed(lines))).text
    data = owed_data(owed(lines))["breakdowns"][0]
    assert (data["name"], data["without_minor"], data["others_minor"]) == ("app", 50, 2000)
    assert data["shares"][:2] == [{"value": "web", "amount_minor": 375}, {"value": "worker", "amount_minor": 125}]
    assert len(data["shares"]) == 16


@pytest.mark.parametrize("text", [HOSTILE, TEXT])
def test_each_text_is_read_as_it_is_written(text: str) -> None:
    page = Page(statement_html(told_with(text)))
    assert page.text.count(" ".join(visible(text).split())) >= 8


def test_the_file_says_what_is_owed_why_and_what_happens_next() -> None:
    paid = replace(PAYMENT, hosted_invoice_url="https://pay.example/1", invoice_pdf="https://pay.example/1.pdf")
    lines = [by_app(2400), line(100, service_month=MONTH.previous())]
    answer = owed(lines, [credit_note(300)], sync_state="finalized", payment=paid, usage_up_to=NOW)
    page = Page(statement_html(answer))
    for words in (
        *(english(*answer.statement.message), "Acme", "acme", "October 2025"),
        "Pay or view it here: Invoice FB-2025-10-000001 at our payment provider",
        *("FB-2025-10-000001", "Usage is counted up to November 20, 2025, 12:00 UTC", "Of September 2025."),
        *("50 free", "above 50: 200 @ $0.025 = $5.00", "web: 150 seconds, $18.00", "worker: 100 seconds, $6.00"),
        *(
            "Together, before tax $25.00",
            "slow disks (November 20, 2025, issued) -$3.00",
            "What is left, before tax $22.00",
        ),
        *("Asked for $25.00", "Paid $1.00", "Still open, due on November 29, 2025 $24.00"),
        "Payments as of November 20, 2025, 12:00 UTC",
    ):
        assert words in page.text
    assert page.links == ["https://pay.example/1", "https://pay.example/1.pdf"]
    assert "https://" not in page.text  # the address is the link's alone


@pytest.mark.parametrize(
    ("there", "asked_for"), [(None, "Asked for"), (2500, "Asked for"), (2975, "Asked for, with tax")]
)
def test_tax_is_said_where_there_is_tax(there: int | None, asked_for: str) -> None:
    payment = replace(PAYMENT, due_minor=there or 2500)
    answer = owed([line(2500)], sync_state="finalized", payment=payment, total_there_minor=there)
    assert f"{asked_for} ${payment.due_minor / 100:.2f} Paid" in Page(statement_html(answer)).text


@pytest.mark.parametrize("state", get_args(PaymentState))
def test_the_page_to_pay_on_is_one_link_whatever_became_of_the_payment(state: PaymentState) -> None:
    payment = replace(PAYMENT, state=state, hosted_invoice_url="https://pay.example/1?a=1&b=2")
    for code in LANGUAGES:
        answer = owed([line()], sync_state="finalized", payment=payment)
        page = Page(statement_html(answer, language(code)))
        assert (page.links, page.text.count("pay.example")) == (["https://pay.example/1?a=1&b=2"], 0)


def test_an_open_month_has_its_forecast_and_a_month_without_lines_says_so() -> None:
    open_month: dict[str, Any] = {"month": MONTH.next(), "outcome": None, "sync_state": None, "usage_up_to": NOW}
    open_month["forecast"] = as_it_is(2000)
    page = Page(statement_html(owed([line(1300)], invoice_number=None, **open_month)))
    assert "If the month goes on like this, it comes to about $20.00." in page.text
    assert "Nothing was used or bought in this month." in Page(statement_html(owed([], outcome="nothing_to_bill"))).text


@pytest.mark.parametrize(
    ("contact", "leads_to"),
    [
        ("a&b+1@cloud.example", "mailto:a%26b%2B1@cloud.example"),
        ("https://cloud.example/ask?of=bills", "https://cloud.example/ask?of=bills"),
    ],
)
def test_the_file_says_whom_to_ask(contact: str, leads_to: str) -> None:
    page = Page(statement_html(replace(owed([line()]), contact=contact)))
    assert page.text.endswith(f"Do you have a question? {contact}")
    assert page.links == [leads_to]
    assert "question" not in Page(statement_html(owed([line()]))).text


def test_the_file_needs_no_other_and_runs_nothing() -> None:
    text = statement_html(told_with("x"))
    names = {tag for tag, _ in Page(text).elements}
    assert names.isdisjoint({"script", "link", "img", "iframe", "object", "form"})
    assert "default-src 'none'" in text and "@import" not in text and "url(" not in text

"""The months on the first page are as they stand now, whatever was priced some time before."""

import json
from datetime import timedelta
from pathlib import Path

from sqlalchemy import update

from flybill_pipeline.stores.invoicing.items_file import read_items
from flybill_pipeline.stores.sync.tables import stripe_sync
from flybill_pipeline_tests.web.conftest import BEGAN, MONTH, Served
from flybill_pipeline_tests.web.test_pages import Read
from flybill_pipeline_tests.worlds.site import Site


def first_page(served: Served, org: str = "acme") -> str:
    return " ".join(Read(served.browser(org).get(f"/orgs/{org}").text).text.split()).partition(" Months ")[0]


def test_only_the_lines_that_are_drawn_are_named(served: Served) -> None:
    assert "The solid line is this month. The dashed line is the month before. The top is" in first_page(served)
    served.clock[0] = MONTH.next().end + timedelta(days=1)
    page = first_page(served)
    assert "(UTC), before plans, discounts and credits. The dashed line is the month before. The top is" in page


def test_a_month_that_has_just_ended_is_told_though_nobody_priced_it(served: Served) -> None:
    served.clock[0] = MONTH.next().end
    page = served.browser("acme").get("/orgs/acme")
    assert "November 2025 has ended and comes to $2.00; the invoice is not made yet." in page.text


def test_the_months_are_told_as_they_stand_now_not_as_they_were_priced_some_time(served: Served) -> None:
    """November has ended and waits for its close: what was drafted of it is old."""
    site = served.site
    november = Site(site.tools, MONTH.next(), site.began)
    november.price()
    site.land(4, BEGAN + timedelta(days=2), day="2025-11-04")
    site.bring_in()
    served.clock[0] = MONTH.next().end
    page = served.browser("acme").get("/orgs/acme", Accept="application/json")
    months = {each["month"]: each["total_minor"] for each in json.loads(page.text)["months"]}
    assert months == {"2025-11": 1800, "2025-10": 1300}


def test_what_was_billed_and_is_not_at_stripe_yet_stands_before_the_running_month(served: Served) -> None:
    page = first_page(served)
    assert page.index("Earlier months $13.00 You owe $13.00 for October 2025") < page.index("November 2025 so far")
    assert "The link to pay follows" in page


def test_a_month_that_waits_for_its_invoice_stands_there_too_and_is_no_sum_yet(served: Served) -> None:
    served.clock[0] = MONTH.next().end
    page = first_page(served)
    assert "Earlier months $13.00 November 2025 has ended and comes to" in page
    nobody = first_page(served, "<other>")
    assert "Earlier months" not in nobody


def test_what_is_still_to_pay_stands_before_the_running_month(served: Served) -> None:
    at_stripe = {
        "state": "finalized",
        "stripe_invoice_id": "in_1",
        "stripe_status": "open",
        "stripe_amount_due_minor": 1300,
        "hosted_invoice_url": "https://pay.example/in_1",
    }
    developer = served.browser("acme")
    served.clock[0] = MONTH.next().end
    with served.site.tools.engine.begin() as connection:
        connection.execute(update(stripe_sync).values(at_stripe))
    page = developer.get("/orgs/acme").text
    asked = page.index("You owe $13.00 for October 2025")
    assert page.index("Earlier months") < asked < page.index("is still running")
    assert 'href="https://pay.example/in_1"' in page
    assert "Invoice FB-2025-10-000001 at our payment provider" in page


def test_what_is_to_pay_of_all_months_is_added_up_by_currency(served: Served) -> None:
    served.clock[0] = MONTH.next().end
    november = Site(served.site.tools, MONTH.next(), served.clock[0])
    november.price()
    november.finalize()
    page = first_page(served)
    assert "Earlier months $31.00 Together for 2 invoices. You owe $18.00 for November 2025" in page
    json_page = served.browser("acme").get("/orgs/acme", Accept="application/json")
    assert json.loads(json_page.text)["to_pay"] == [{"currency": "usd", "amount_minor": 3100}]


def test_a_line_without_usage_says_why_in_the_language_of_its_reader(served: Served, tmp_path: Path) -> None:
    december, file = MONTH.next().next(), tmp_path / "items.csv"
    served.clock[0] = december.start + timedelta(days=1)
    file.write_text(f"org_id,item_id,kind,name,amount,currency,month\nacme,setup,one_off,Setup,5,usd,{december}\n")
    served.site.tools.items.save(file, read_items(file))
    developer, path = served.browser("acme"), f"/orgs/acme/months/{december}/lines/1"
    assert "No usage of its own. It is due once, whatever is used." in developer.get(path).text
    german = developer.get(f"{path}?lang=de").text
    assert "Keine eigene Nutzung. Es ist einmal fällig, was auch genutzt wird." in german
    program = json.loads(developer.get(path, Accept="application/json").text)
    assert program["without_events"] == "It is due once, whatever is used."

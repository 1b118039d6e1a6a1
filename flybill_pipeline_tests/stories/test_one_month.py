"""One month billed end to end, through the command line, the real jobs, Postgres and the stand-in Stripe."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import dagster as dg
import pytest

from flybill_pipeline.billing.invoicing.shards import shard_of
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.defs.partitions import Partitions
from flybill_pipeline.settings import load_settings
from flybill_pipeline.toolbox.wiring import build_toolbox
from flybill_pipeline_tests.conftest import SHARED
from flybill_pipeline_tests.stories.troubled_months import (
    BAD_ROWS,
    FIRST,
    ORGS,
    SECOND,
    land_first_month,
    land_late_files,
    land_second_month,
    prepare,
)
from flybill_pipeline_tests.worlds.deployment import Deployments, Flybill, Ran, event
from flybill_pipeline_tests.worlds.emulator import EmulatorProcess, Emulators
from flybill_pipeline_tests.worlds.statement_views import assert_views_say_what_is_owed

CASES = SHARED / "cases" / "pricing.json"

# --- Every pricing case that other billing systems publish, one organization each -----------------------------------


def cases() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(CASES.read_text()) if CASES.exists() else []
    return found


def book_of(found: list[dict[str, Any]]) -> str:
    """One price book: each case a contract of its own, all on one meter, so that a wrong contract would show."""
    head = 'effective_from = 2025-01-01\ncurrency = "usd"\n[meters.units]\naggregation = "sum"\nunit = "unit"\n'
    return head + "".join(
        f"[[contracts.{case['id']}.prices]]\nmeter = 'units'\n{_price(case['price'])}" for case in found
    )


def _price(price: dict[str, Any]) -> str:
    """A case's price as TOML; its numbers are digits already."""
    tiers = (
        "{ " + ", ".join(f"{name} = {value}" for name, value in tier.items()) + " }" for tier in price.get("tiers", ())
    )
    written = {"model": f"'{price['model']}'"} | ({"tiers": f"[ {', '.join(tiers)} ]"} if "tiers" in price else {})
    return "".join(f"{name} = {value}\n" for name, value in {**price, **written}.items())


@pytest.fixture(scope="module")
def priced(deploy: Deployments, emulators: Emulators) -> Iterator[Flybill]:
    """The month 2025-10 with an organization for each case, closed."""
    with emulators.lent() as emulator, deploy(emulator) as flybill:
        flybill.prices("usd.toml", book_of(cases()))
        flybill.import_orgs(
            [
                {
                    "org_id": c["id"],
                    "name": c["id"],
                    "currency": "usd",
                    "contract": c["id"],
                    "contract_from": "2020-01-01",
                }
                for c in cases()
            ]
        )
        # Each quantity comes in two events on two days, so that a tier sees the month's sum or the amount is wrong.
        halves = [
            event(f"{c['id']}-{n}", c["id"], str(part), f"2025-10-{10 + n}T00:00:00Z", "units")
            for c in cases()
            for n, part in enumerate((Decimal(c["quantity"]) / 2, Decimal(c["quantity"]) - Decimal(c["quantity"]) / 2))
        ]
        flybill.land("cases.jsonl", halves)
        closed = flybill("close", "2025-10", "--json")
        assert closed.status == 0, closed
        yield flybill


@pytest.mark.skipif(not CASES.exists(), reason="the collected pricing cases are not here")
@pytest.mark.parametrize("case", cases(), ids=lambda case: str(case["id"]))
def test_a_pricing_case_is_billed_as_its_source_says(case: dict[str, Any], priced: Flybill) -> None:
    expected = Decimal(case["expected_amount"])
    answer = priced("owes", case["id"], "--month", "2025-10", "--json").json()
    assert answer["total_minor"] == int((expected * 100).to_integral_value(ROUND_HALF_UP))
    (line,) = answer["lines"]
    assert line["amount_minor"] == answer["total_minor"]
    assert sum(Decimal(step["amount"]) for step in line["working"]) == expected
    assert Decimal(line["quantity"]) == Decimal(case["quantity"])


# --- A month with everything that goes wrong, and the one after it --------------------------------------------------


@dataclass(frozen=True)
class Months:
    """What the commands said, in the order in which they were run, and Stripe's stand-in after each close."""

    flybill: Flybill
    emulator: EmulatorProcess
    one_org: Ran
    first: Ran
    again: Ran
    second: Ran
    requests: list[dict[str, int]]


@pytest.fixture(scope="module")
def months(deploy: Deployments, emulators: Emulators) -> Iterator[Months]:
    """The first month closed for one organization; then, with late files, for all; then again; then the second."""
    with emulators.lent() as emulator, deploy(emulator) as flybill:
        requests = []

        def close(*arguments: str) -> Ran:
            ran = flybill("close", *arguments, "--json")
            requests.append(emulator.report()["requests"])
            return ran

        prepare(flybill)
        land_first_month(flybill)
        one_org = close(FIRST, "--org", "cirrus")
        land_late_files(flybill)
        first, again = close(FIRST), close(FIRST)
        land_second_month(flybill)
        yield Months(flybill, emulator, one_org, first, again, close(SECOND), requests)


def owed(flybill: Flybill, org: str, month: str = FIRST) -> dict[str, Any]:
    answer: dict[str, Any] = flybill("owes", org, "--month", month, "--json").json()
    return answer


def test_closing_one_organization_settles_nobody_else(months: Months) -> None:
    assert months.one_org.status == 0
    status = months.one_org.json()
    assert (status["outcomes"], status["undecided"]) == ({"nothing_to_bill": 1}, len(ORGS) - 1)


def test_every_organization_has_one_outcome_and_those_that_wait_make_the_exit_status_1(months: Months) -> None:
    assert months.first.status == 1
    rows = months.flybill.sql("select org_id, outcome, code from flybill.outcomes where month = :m", m=FIRST)
    assert {org: (outcome, code) for org, outcome, code in rows} == {
        "acme": ("invoiced", None),
        "bolt": ("invoiced", None),
        "cirrus": ("nothing_to_bill", None),
        "dorado": ("carried_forward", "below_minimum"),
        "ember": ("carried_forward", "credit"),
        "fjord": ("held", "unpriced_meter"),
        "gobi": ("invoiced", None),
        "yen": ("held", "no_price_book"),
        "twin": ("invoiced", None),
        "stranger": ("held", "unknown_org"),
    }
    assert len(rows) == len(ORGS) + 1


def test_every_kind_of_bad_row_is_in_quarantine_under_its_own_reason(months: Months) -> None:
    files = dict(months.flybill.sql("select path, quarantined from flybill.landed_files"))
    assert files["usage/bad.jsonl"] == dict.fromkeys(BAD_ROWS, 1)
    assert files["usage/garbage.jsonl"] == {"not_a_record": 2}
    assert files["machines/machines.csv"] == {"quantity_negative": 1}
    assert files["usage/week1.jsonl"] == files["usage/week1-again.jsonl"] == {}


def test_quarantine_names_every_bad_row_with_its_file_and_why(months: Months) -> None:
    found = months.flybill("quarantine", "--json").json()
    assert found["broken_files"] == []
    assert found["rows_rejected"] == len(found["rows"]) == len(BAD_ROWS) + 3
    place = {row["reason"]: (row["source"], row["file"], row["row"]) for row in found["rows"]}
    assert place["clock"] == ("usage", "usage/bad.jsonl", len(BAD_ROWS))
    assert place["quantity_negative"] == ("machines", "machines/machines.csv", 3)
    assert all(row["message"] for row in found["rows"])
    few = months.flybill("quarantine", "--source", "usage", "--limit", "2").out
    assert f"… and {len(BAD_ROWS)} more rows" in few
    assert "machines.csv" not in few
    assert "land the rows again in a new file" in few
    usage = months.flybill("status", FIRST, "--json").json()["usage"]
    assert usage == {
        "files_unread": 0,
        "days_unrecorded": 0,
        "files_broken": 0,
        "rows_rejected": found["rows_rejected"],
        "repeats": 2,
        "conflicts": 2,
        "left_out": 0,
        "replaced": 0,
        "events_waiting": 0,
        "aliases_waiting": 0,
        "broken_files": [],
        "tables": [],
    }
    assert f"{found['rows_rejected']} rows are in quarantine, 2 rows have the id" in months.flybill("status", FIRST).out
    assert {each["left_out"]["file"] for each in found["conflicting_ids"]} == {"usage/week1-again.jsonl"}
    assert {each["counts"]["file"] for each in found["conflicting_ids"]} == {"usage/week1.jsonl"}


def test_repeats_and_conflicts_are_counted_and_bill_nothing(months: Months) -> None:
    days = months.flybill.sql("select day::text, duplicates, conflicts from flybill.usage_days where duplicates > 0")
    assert days == [(f"{FIRST}-05", 2, 1)]
    assert [
        (line["meter"], line["dimensions"], line["quantity"]) for line in owed(months.flybill, "acme")["lines"]
    ] == [
        ("builds", {}, "2"),
        ("seconds", {}, "300.5"),
        ("seconds", {"region": "syd"}, "150"),
    ]
    assert owed(months.flybill, "acme")["total_minor"] == 20 + 301 + 275
    assert owed(months.flybill, "bolt")["total_minor"] == 250


def test_an_id_counts_once_whatever_its_day(months: Months) -> None:
    assert owed(months.flybill, "twin")["total_minor"] == 100


def test_what_is_too_small_or_negative_is_a_line_of_the_next_invoice(months: Months) -> None:
    assert owed(months.flybill, "dorado")["total_minor"] == 30
    assert owed(months.flybill, "ember")["total_minor"] == -300
    for org, own, carried in (("dorado", 30, 30), ("ember", 1000, -300)):
        answer = owed(months.flybill, org, SECOND)
        lines = [(line["kind"], line["amount_minor"], line["service_month"]) for line in answer["lines"]]
        assert lines == [("usage", own, SECOND), ("carried_forward", carried, FIRST)]
        assert answer["state"] == "payable"
    open_balances = (
        "select org_id, sum(amount_minor) from flybill.account_entries group by org_id having sum(amount_minor) <> 0"
    )
    assert months.flybill.sql(open_balances) == []


def test_invoice_numbers_have_no_gaps(months: Months) -> None:
    for month, count in ((FIRST, 4), (SECOND, 4)):
        numbers = months.flybill.sql("select number from flybill.invoices where month = :m order by number", m=month)
        assert [number for (number,) in numbers] == [f"FB-{month}-{n:06d}" for n in range(1, count + 1)]


def test_stripe_has_the_same_invoices_in_three_calls_each(months: Months) -> None:
    report = months.emulator.report()
    assert report["violations"] == []
    assert report["invoices"] == {"open": 8}
    for ran in (months.first, months.second):
        status = ran.json()
        assert all(total["invoiced_minor"] == total["synced_minor"] > 0 for total in status["totals"].values())
        assert (status["sync"], status["calls_per_invoice"]) == ({"finalized": 4}, "3.00")
    assert set(months.first.json()["totals"]) == {"usd", "eur"}


def lasting(ran: Ran) -> dict[str, Any]:
    """What a close says that is not about the moment at which it looked."""
    data: dict[str, Any] = ran.json()
    data["reconciliation"].pop("compared_at")
    clock = data["stripe_clock"]
    clock.pop("stripe_at")
    assert abs(clock.pop("ahead_seconds")) <= 1  # Stripe tells whole seconds
    return data


def test_closing_again_writes_nothing_to_stripe_and_changes_nothing_here(months: Months) -> None:
    before, after = months.requests[1:3]
    assert {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)} == {
        "list_invoices": 1
    }
    assert lasting(months.again) == lasting(months.first)
    assert months.again.status == 1


def test_the_checks_are_recorded_in_dagster_with_what_they_found(months: Months) -> None:
    results = months.flybill.checks()
    assert results["stripe_reconciliation", "totals_match_stripe"] == {FIRST: True, SECOND: True}
    assert results["stripe_reconciliation", "nothing_lost"] == {FIRST: True, SECOND: True}
    assert set(results["finalized_invoices", "lines_sum_to_invoice"].values()) == {True}
    billed = results["stripe_invoices", "every_org_billed"]
    held = {f"{FIRST}|{shard_of(org, 2):02d}" for org in ("fjord", "yen", "stranger")}
    assert {key for key, passed in billed.items() if not passed} == held
    assert len(billed) == 4


def test_what_only_a_person_can_mend_leaves_no_shard_failed_for_the_machine_to_retry(months: Months) -> None:
    keys = [f"{month}|{shard:02d}" for month in (FIRST, SECOND) for shard in range(2)]
    partitions = Partitions(Month.parse("2024-01"), shards=2).month_shards
    with months.flybill.dagster() as instance:
        for asset in ("monthly_line_items", "finalized_invoices", "stripe_invoices"):
            status = instance.get_status_by_partition(dg.AssetKey(asset), keys, partitions)
            assert status == dict.fromkeys(keys, dg.AssetPartitionStatus.MATERIALIZED)


def test_status_has_every_member_that_tools_rely_on(months: Months) -> None:
    ran = months.flybill("status", FIRST, "--json")
    assert ran.status == months.first.status == 1  # three are held
    status = lasting(ran)
    # The month after it was not closed yet then. Those that nobody ever closed are told still.
    then = lasting(months.first)
    assert {each["month"] for each in then.pop("months_not_closed")} > {
        each["month"] for each in status.pop("months_not_closed")
    }
    assert status == then
    assert (status["month"], status["organizations"]) == (FIRST, len(ORGS) + 1)
    assert sum(status["outcomes"].values()) == status["organizations"]
    assert {currency: set(total) for currency, total in status["totals"].items()} == {
        currency: {"invoiced_minor", "synced_minor"} for currency in ("eur", "usd")
    }
    assert all(type(amount) is int for total in status["totals"].values() for amount in total.values())
    assert [failure["org_id"] for failure in status["failures"]] == ["fjord", "stranger", "yen"]
    for failure in status["failures"]:
        assert failure["stage"] == "finalize"
        assert failure["message"] and failure["remedy"] and failure["code"]
        assert (failure["attempts"], failure["next_attempt_at"]) == (0, None)
    assert "rockets" in status["failures"][0]["message"]
    assert type(status["stripe_calls"]) is int
    assert status["stripe_calls"] == 3 * 4


def test_owes_has_every_member_that_tools_rely_on(months: Months) -> None:
    answer = owed(months.flybill, "acme")
    assert {
        "org_id",
        "month",
        "state",
        "message",
        "currency",
        "total_minor",
        "forecast_minor",
        "usage_up_to",
        "lines",
    } <= set(answer)
    assert type(answer["total_minor"]) is type(answer["forecast_minor"]) is int
    assert answer["usage_up_to"] == f"{FIRST}-05T10:00:00+00:00"
    assert "$5.96" in answer["message"]
    for line in answer["lines"]:
        members = "kind meter name dimensions service_month quantity unit amount_minor description working portions"
        assert set(line) == set(members.split())
        assert type(line["amount_minor"]) is int
        assert type(line["quantity"]) is str
        assert type(line["dimensions"]) is dict
        assert line["working"]
        exact = sum((Decimal(step["amount"]) for step in line["working"]), Decimal(0))
        assert int((exact * 100).to_integral_value(ROUND_HALF_UP)) == line["amount_minor"]
    assert sum(line["amount_minor"] for line in answer["lines"]) == answer["total_minor"]


def test_a_held_organization_sees_its_lines_and_that_it_need_not_do_anything(months: Months) -> None:
    answer = owed(months.flybill, "fjord")
    assert answer["state"] == "held"
    assert answer["total_minor"] == 500
    assert "rockets" not in answer["message"]
    assert owed(months.flybill, "cirrus")["lines"] == []


def test_the_views_say_of_every_settled_month_what_owes_says(months: Months) -> None:
    tools = build_toolbox(load_settings(months.flybill.environment))
    settled = "select org_id, month from flybill.outcomes where outcome <> 'held' order by month, org_id"
    states = [
        assert_views_say_what_is_owed(tools, org, Month.parse(month)) for org, month in months.flybill.sql(settled)
    ]
    tools.close()
    assert set(states) == {"payable", "carried_forward", "nothing_to_bill"}
    ((state, message),) = months.flybill.sql(
        "select state, message from flybill.statement_months where org_id = 'fjord' and month = :m", m=FIRST
    )
    told = owed(months.flybill, "fjord")
    assert (state, message) == ("held", f"{told['message']} {told['next_step']}")


def test_quote_has_every_member_that_tools_rely_on(months: Months) -> None:
    asked = ("--meter", "seconds", "--quantity", "100.5", "--dimension", "region=syd", "--currency", "usd", "--json")
    answer = months.flybill("quote", "--prices", str(months.flybill.home / "prices"), *asked).json()
    assert (answer["amount_minor"], answer["amount"], answer["currency"]) == (201, "2.0075", "usd")
    assert [step["amount"] for step in answer["working"]] == ["2", "0.0075"]

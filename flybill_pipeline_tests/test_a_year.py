"""A year of organizations with everything mixed, closed month by month against the stand-in Stripe, to the cent.

The same with more organizations: `python -m flybill_pipeline_tests.test_a_year 500` bills them and asserts the same.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from flybill_pipeline.defs.checks import CHECKS
from flybill_pipeline.defs.checks.stripe import EVERY_ORG_BILLED
from flybill_pipeline.local.postgres import serving
from flybill_pipeline_tests.stories.year.billed import Billed, billed_year
from flybill_pipeline_tests.stories.year.world import FORGOTTEN, IMPORTED, KINDS, LAST, MONTHS
from flybill_pipeline_tests.worlds.deployment import Deployments
from flybill_pipeline_tests.worlds.emulator import EmulatorProcess, Emulators

ORGS = KINDS


@pytest.fixture(scope="module")
def billed(deploy: Deployments, emulators: Emulators) -> Iterator[Billed]:
    with emulators.lent() as emulator, billed_year(deploy, emulator, ORGS) as found:
        yield found


def test_every_month_is_closed_and_the_same_in_stripe(billed: Billed) -> None:
    for month, status in billed.last.items():
        waits = {(failure["org_id"], failure["stage"]) for failure in status["failures"]}
        assert waits == ({(org, "finalize") for org in billed.waiting} if month == LAST else set()), month
        assert status["undecided"] == 0, month
        assert all(total["invoiced_minor"] == total["synced_minor"] for total in status["totals"].values())
    report = billed.emulator.report()
    assert report["violations"] == []
    assert report["invoices"] == {"open": billed.flybill.sql("select count(*) from flybill.invoices")[0][0]}
    assert len(report["faults_fired"]) > 0


def test_whatever_must_wait_for_a_person_waits_first_and_says_why(billed: Billed) -> None:
    for month, status in billed.first.items():
        found = {failure["org_id"]: failure["code"] for failure in status["failures"]}
        expected = {org: a.held[month] for org, a in billed.accounts.items() if month in a.held}
        assert {org: code.replace("_clash", "").replace("_changed", "") for org, code in found.items()} == expected
    codes = {code for account in billed.accounts.values() for code in account.held.values()}
    assert codes == {"unpriced_meter", "unknown_org", "currency", "unusual_total", "large_credit"}


def test_usage_that_comes_too_late_is_reported_and_not_billed(billed: Billed) -> None:
    for month, status in billed.first.items():
        too_late = {org for org, a in billed.accounts.items() if month in {found for found, _ in a.too_late}}
        assert status["too_late"] == len(too_late), month
    assert any(account.too_late for account in billed.accounts.values())


MONEY_CHECKS = [
    (check.asset, check.name)
    for check in CHECKS
    if check.asset in ("finalized_invoices", "stripe_reconciliation") or check is EVERY_ORG_BILLED
]


def test_every_check_passes_in_every_month(billed: Billed) -> None:
    results = billed.flybill.checks()
    for check in MONEY_CHECKS:
        assert {key[:7] for key in results[check]} == set(MONTHS), check
        red = {key[:7] for key, passed in results[check].items() if not passed}
        # Who was imported later has no outcome in a month that is looked at again.
        expected = {
            "every_org_billed": {FORGOTTEN, LAST},
            "every_org_has_an_outcome": {FORGOTTEN},
            "nothing_lost": {FORGOTTEN},
        }
        assert red == expected.get(check[1], set()), (check, results[check])


def test_every_organization_has_the_one_outcome_and_total_in_each_month_that_the_oracle_has(billed: Billed) -> None:
    rows = billed.flybill.sql("select org_id, month, outcome, total_minor from flybill.outcomes")
    expected = {(o, month, *found) for o, a in billed.accounts.items() for month, found in a.outcomes.items()}
    assert len(rows) == len(expected)
    assert sorted(set(rows) - expected) == sorted(expected - set(rows)) == []


def test_what_is_due_for_each_service_month_was_billed_over_all_invoices_and_no_more(billed: Billed) -> None:
    rows = billed.flybill.sql(
        "select org_id, service_month, coalesce(meter, case when kind <> 'adjustment' then kind"
        " when description like 'Minimum of%' then 'true_up' else 'subscription' end),"
        " sum(amount_minor) from flybill.line_items"
        " where kind not in ('credit', 'credit_returned', 'discount', 'carried_forward')"
        " group by 1, 2, 3"
    )
    found = {tuple(key): int(amount) for *key, amount in rows if amount}
    assert found == {
        (org, month, key): amount
        for org, account in billed.accounts.items()
        for month, amounts in account.billed.items()
        for key, amount in amounts.items()
        if amount
    }


def test_no_cent_is_made_or_lost_over_the_year(billed: Billed) -> None:
    def sums(query: str) -> Counter[str]:
        return Counter({org: int(amount) for org, amount in billed.flybill.sql(f"{query} group by 1")})

    invoiced = sums("select org_id, sum(subtotal_minor) from flybill.invoices")
    carried = sums("select org_id, sum(amount_minor) from flybill.account_entries")
    paid = sums("select org_id, sum(amount_minor) from flybill.credit_uses")
    returned = sums("select org_id, sum(abs(amount_minor)) from flybill.credit_uses where paid_in <> month")
    waived = sums("select org_id, sum(total_minor) from flybill.outcomes where outcome = 'waived'")
    for org, account in billed.accounts.items():
        assert carried[org] == account.carried, org
        assert paid[org] == sum(account.credit_uses.values()), org
        assert returned[org] == account.returned, org
        assert waived[org] == account.waived, org
        priced = sum(sum(amounts.values()) for amounts in account.billed.values())
        gone = invoiced[org] + carried[org] + waived[org] + account.waiting
        assert gone + paid[org] + account.discounted == priced, org


def test_invoices_priced_again_are_the_same_and_their_numbers_have_no_gap(billed: Billed) -> None:
    late = 0
    for month in MONTHS:
        verified = billed.flybill("verify", month, "--json")
        assert verified.status == 0, (month, verified)
        answer = verified.json()
        late += answer["usage_changed_since"]
        numbers = billed.flybill.sql("select number from flybill.invoices where month = :m order by 1", m=month)
        assert answer["verdicts"] == {"same": len(numbers)}
        assert [number for (number,) in numbers] == [f"FB-{month}-{n:06d}" for n in range(1, len(numbers) + 1)]
    assert late > 0


def test_the_year_has_everything_in_it(billed: Billed) -> None:
    kinds = {kind for (kind,) in billed.flybill.sql("select distinct kind from flybill.line_items")}
    assert kinds == {
        "usage", "adjustment", "subscription", "one_off", "true_up", "credit", "credit_returned", "discount",
        "carried_forward",
    }  # fmt: skip
    outcomes = {found for account in billed.accounts.values() for found, _ in account.outcomes.values()}
    assert outcomes == {"invoiced", "carried_forward", "nothing_to_bill", "waived", "held"}
    meters = {meter for (meter,) in billed.flybill.sql("select distinct meter from flybill.line_items")}
    assert {"seats", "disk", "users", "visitors", "requests", "bytes", "gauge", "probes"} < meters
    totals = [total for account in billed.accounts.values() for _, total in account.outcomes.values()]
    assert min(totals) < 0
    assert billed.flybill.sql("select sum(duplicates) > 0, sum(conflicts) > 0 from flybill.usage_days") == [
        (True, True)
    ]
    released = billed.flybill.sql("select distinct code from flybill.audit where action = 'released'")
    assert {code for (code,) in released} == {"large_credit", "unusual_total"}
    assert all(min(account.outcomes) == IMPORTED for account in billed.accounts.values() if not account.org.imported)


TESTS: tuple[Callable[[Billed], None], ...] = (
    test_every_month_is_closed_and_the_same_in_stripe,
    test_whatever_must_wait_for_a_person_waits_first_and_says_why,
    test_usage_that_comes_too_late_is_reported_and_not_billed,
    test_every_check_passes_in_every_month,
    test_every_organization_has_the_one_outcome_and_total_in_each_month_that_the_oracle_has,
    test_what_is_due_for_each_service_month_was_billed_over_all_invoices_and_no_more,
    test_no_cent_is_made_or_lost_over_the_year,
    test_invoices_priced_again_are_the_same_and_their_numbers_have_no_gap,
    test_the_year_has_everything_in_it,
)


def main(orgs: int) -> None:
    """Bills a year of `orgs` organizations, and asserts of it what pytest asserts of a dozen."""
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder) / "postgres", keep=False) as postgres_url,
        EmulatorProcess() as emulator,
        billed_year(Deployments(postgres_url, lambda: Path(folder)), emulator, orgs) as found,
    ):
        for test in TESTS:
            test(found)
            click.echo(f"passed: {test.__name__}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ORGS)

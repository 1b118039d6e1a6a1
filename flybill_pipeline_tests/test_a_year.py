"""A year of organizations with everything mixed, closed month by month against the stand-in Stripe, to the cent.

The same with more organizations: `python -m flybill_pipeline_tests.test_a_year 500` bills them and asserts the same.
"""

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from flybill_pipeline.local.postgres import serving
from flybill_pipeline_tests.emulator_process import EmulatorProcess
from flybill_pipeline_tests.flybill_process import CHECKS, Flybill, Ran, deployment
from flybill_pipeline_tests.year_oracle import Account, Priced, accounts, priced_at_close
from flybill_pipeline_tests.year_world import BOOKS, MONTHS, Year, book, make_year

ORGS = 12


@dataclass(frozen=True)
class Billed:
    """A year after its last close, what each close said, and what it must come to."""

    year: Year
    flybill: Flybill
    emulator: EmulatorProcess
    closes: dict[str, Ran]
    priced: Priced
    accounts: dict[str, Account]


@contextmanager
def billed_year(root: Path, postgres_url: str, orgs: int) -> Iterator[Billed]:
    """The year of that many organizations, each month closed after what arrives in it, late files included."""
    year = make_year(orgs)
    with EmulatorProcess() as emulator, deployment(root, postgres_url, emulator) as flybill:
        # A plan paid up to now by credits makes any invoice unusual: no month of this year waits for a person.
        flybill.environment["FLYBILL_HOLD_ABOVE_MULTIPLE"] = "0"
        for currency in ("usd", "eur"):
            for first_day in BOOKS:
                flybill.prices(f"{currency}-{first_day}.toml", book(first_day, currency))
        assert flybill.import_orgs(year.orgs).status == 0
        closes = {month: _close(flybill, year, month) for month in MONTHS}
        priced = priced_at_close(year)
        yield Billed(year, flybill, emulator, closes, priced[MONTHS[-1]], accounts(year, priced))


def _close(flybill: Flybill, year: Year, month: str) -> Ran:
    if year.items[month]:
        items = flybill.home / f"items-{month}.json"
        items.write_text(json.dumps(year.items[month]))
        imported = flybill("import-items", str(items), "--json")
        assert imported.status == 0, imported
    landed = flybill.land(f"{month}.jsonl", year.usage[month])
    assert landed.status == 0, landed
    return flybill("close", month, "--json")


@pytest.fixture(scope="module")
def billed(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[Billed]:
    with billed_year(tmp_path_factory.mktemp("year"), postgres_url, ORGS) as found:
        yield found


def test_every_month_is_closed_and_the_same_in_stripe(billed: Billed) -> None:
    for month, ran in billed.closes.items():
        assert ran.status == 0, (month, ran)
        status = ran.json()
        assert (status["undecided"], status["failures"], status["too_late"]) == (0, [], 0)
        assert all(total["invoiced_minor"] == total["synced_minor"] for total in status["totals"].values())
    report = billed.emulator.report()
    assert report["violations"] == []
    assert report["invoices"] == {"open": billed.flybill.sql("select count(*) from flybill.invoices")[0][0]}


def test_every_check_passes_in_every_month(billed: Billed) -> None:
    results = billed.flybill.checks()
    for check in CHECKS:
        assert {key[:7] for key in results[check]} == set(MONTHS), check
        assert set(results[check].values()) == {True}, (check, results[check])


def test_every_organization_has_the_one_outcome_and_total_in_each_month_that_the_oracle_has(billed: Billed) -> None:
    rows = billed.flybill.sql("select org_id, month, outcome, total_minor from flybill.outcomes")
    expected = {(o, month, *found) for o, a in billed.accounts.items() for month, found in a.outcomes.items()}
    assert len(rows) == len(expected)
    assert sorted(set(rows) - expected) == sorted(expected - set(rows)) == []


def test_what_is_due_for_each_service_month_was_billed_over_all_invoices_and_no_more(billed: Billed) -> None:
    rows = billed.flybill.sql(
        "select org_id, service_month, coalesce(meter, case kind when 'adjustment' then 'subscription' else kind end),"
        " sum(amount_minor) from flybill.line_items where kind not in ('credit', 'discount', 'carried_forward')"
        " group by 1, 2, 3"
    )
    billed_for = {tuple(key): int(amount) for *key, amount in rows if amount}
    assert billed_for == {key: amount for key, amount in billed.priced.items() if amount}


def test_no_cent_is_made_or_lost_over_the_year(billed: Billed) -> None:
    def sums(query: str) -> Counter[str]:
        return Counter({org: int(amount) for org, amount in billed.flybill.sql(f"{query} group by 1")})

    invoiced = sums("select org_id, sum(subtotal_minor) from flybill.invoices")
    open_now = sums("select org_id, sum(amount_minor) from flybill.account_entries")
    paid = sums("select org_id, sum(amount_minor) from flybill.credit_uses")
    due: Counter[str] = Counter()
    for (org, _, _), amount in billed.priced.items():
        due[org] += amount
    for org, account in billed.accounts.items():
        assert open_now[org] == account.carried, org
        assert paid[org] == sum(account.credit_uses.values()), org
        assert invoiced[org] + open_now[org] + paid[org] + account.discounted == due[org], org


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
    assert kinds == {"usage", "adjustment", "subscription", "one_off", "credit", "discount", "carried_forward"}
    outcomes = {found for account in billed.accounts.values() for found, _ in account.outcomes.values()}
    assert outcomes == {"invoiced", "carried_forward", "nothing_to_bill"}
    totals = [total for account in billed.accounts.values() for _, total in account.outcomes.values()]
    assert min(totals) < 0
    assert billed.flybill.sql("select sum(duplicates) > 0, sum(conflicts) > 0 from flybill.usage_days") == [
        (True, True)
    ]


TESTS: tuple[Callable[[Billed], None], ...] = (
    test_every_month_is_closed_and_the_same_in_stripe,
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
        billed_year(Path(folder) / "year", postgres_url, orgs) as found,
    ):
        for test in TESTS:
            test(found)
            click.echo(f"passed: {test.__name__}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ORGS)

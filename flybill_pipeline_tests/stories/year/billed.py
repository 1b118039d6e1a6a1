"""Bills a year of world.py as an operator would: lands, closes, mends what waits, month by month.

Asserts only that commands ended as they should; what the year came to is compared in test_a_year.py.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any
from unittest.mock import patch

from flybill_pipeline.steps.sync.options import RunOptions
from flybill_pipeline.toolbox import closing
from flybill_pipeline_tests.stories.year.oracle import HOLD_ABOVE_MULTIPLE, LARGEST_CREDIT, Account, accounts
from flybill_pipeline_tests.stories.year.prices import BOOKS, MONEY, book
from flybill_pipeline_tests.stories.year.world import (
    CLASHING,
    FAULTY,
    FORGOTTEN,
    KINDS,
    LAST,
    MONTHS,
    OUTAGE,
    PROBED,
    PROBES_PRICED,
    WAIVING,
    Year,
    make_year,
)
from flybill_pipeline_tests.worlds.deployment import Deployments, Flybill, Ran
from flybill_pipeline_tests.worlds.emulator import EmulatorProcess

SOURCES = """
[[sources]]
name = "usage"
format = "jsonl"
files = "usage/**/*.jsonl*"
columns = { event_id = "id", org_id = "org", meter = "meter", quantity = "quantity", occurred_at = "at" }
dimensions = { region = "region", user = "user" }
"""


@dataclass
class Billed:
    """A year after its last close, what `status` said after the first close of each month, and what it must come to."""

    year: Year
    flybill: Flybill
    emulator: EmulatorProcess
    accounts: dict[str, Account]
    first: dict[str, Any] = field(default_factory=dict)
    last: dict[str, Any] = field(default_factory=dict)

    @property
    def waiting(self) -> set[str]:
        """The organizations whose last month nobody mends."""
        return {org for org, account in self.accounts.items() if account.outcomes[LAST][0] == "held"}


@contextmanager
def billed_year(deploy: Deployments, emulator: EmulatorProcess, orgs: int) -> Iterator[Billed]:
    """The year of that many organizations, each month closed after what arrives in it, late files included."""
    year, shards = make_year(orgs), 1 if orgs <= KINDS else 2
    with deploy(emulator, shards=shards) as flybill:
        (flybill.home / "sources.toml").write_text(SOURCES)
        flybill.environment["FLYBILL_HOLD_ABOVE_MULTIPLE"] = str(HOLD_ABOVE_MULTIPLE)
        flybill.environment["FLYBILL_LARGEST_CREDIT_MINOR"] = str(LARGEST_CREDIT)
        _write_books(flybill, probes=False)
        _done(flybill.import_orgs([org.row() for org in year.orgs if org.imported]))
        billed = Billed(year, flybill, emulator, accounts(year))
        for month in MONTHS:
            _bill(billed, month)
        # Usage that nobody bills any more is reported of its own month, too, when that is looked at again.
        forgotten = sorted({org for org, account in billed.accounts.items() if account.too_late})
        if forgotten:
            _done(flybill("close", FORGOTTEN, "--org", forgotten[0]))
        yield billed


def _bill(billed: Billed, month: str) -> None:
    """One month: what arrives, its close, and what an operator does about it."""
    flybill, year = billed.flybill, billed.year
    if year.items[month]:
        items = flybill.home / f"items-{month}.json"
        items.write_text(json.dumps(year.items[month]))
        _done(flybill("import-items", str(items), "--json"))
    if month == CLASHING:  # a mistake in the list of customers
        _done(flybill.import_orgs([org.row("usd", f"{month}-01") for org in year.orgs if org.kind == 11]))
    _done(flybill.land(f"{month}.jsonl", year.usage[month]))
    if month == OUTAGE:
        _close_without_stripe(billed)
    if month in FAULTY:
        billed.emulator.faults({"seed": 7, "rate": FAULTY[month]})
    waiving = {"FLYBILL_WAIVE_SMALL_AMOUNTS": "1"} if month in WAIVING else {}
    billed.first[month] = flybill("close", month, "--json", **waiving).json()
    billed.emulator.clear_faults()
    billed.last[month] = billed.first[month] if month == LAST else _mend(billed, month, waiving)


def _close_without_stripe(billed: Billed) -> None:
    """Nothing gets through to Stripe: every invoice is made, none is sent."""
    billed.emulator.faults({"seed": 1, "rate": 1.0, "kinds": ["http_503", "reset_before"]})
    with patch.object(closing, "RunOptions", partial(RunOptions, patience=timedelta(seconds=1))):
        ran = billed.flybill("close", OUTAGE, "--json")
    billed.emulator.clear_faults()
    assert ran.status == 1
    assert set(ran.json()["sync"]) <= {"new"}, ran.out
    assert ran.json()["outcomes"]["invoiced"] > 0


def _mend(billed: Billed, month: str, variables: dict[str, str]) -> Any:
    """Mends whatever the month waits for, and of an earlier month what could not be mended before."""
    flybill, held = billed.flybill, {f["org_id"]: f["code"] for f in billed.first[month]["failures"]}
    wrong = [org for org in billed.year.orgs if held.get(org.org_id, "").startswith(("unknown_org", "currency"))]
    if wrong:
        _done(flybill.import_orgs([org.row(currency_from=f"{month}-01") for org in wrong]))
    for org, code in held.items():
        if code in ("unusual_total", "large_credit"):
            reason = ("--by", "ada", "--reason", "looked at it")
            _done(flybill("release", month, "--org", org, *reason, **variables))
    if month == PROBES_PRICED:
        _write_books(flybill, probes=True)
        probed = [f["org_id"] for f in billed.first[PROBED]["failures"] if f["code"] == "unpriced_meter"]
        repaired = flybill("repair", PROBED, *(a for org in probed for a in ("--org", org)), "--json")
        for org in (f["org_id"] for f in repaired.json()["failures"]):  # after two months, the total is unusual
            _done(flybill("release", PROBED, "--org", org, "--by", "ada", "--reason", "two months"))
        billed.last[PROBED] = _looked_at(billed, PROBED, probed, {})
    return _looked_at(billed, month, list(held), variables) if held else billed.first[month]


def _looked_at(billed: Billed, month: str, org_ids: list[str], variables: Mapping[str, str]) -> Any:
    """Closes the month again for those that were mended, which looks at their shards again."""
    only = [argument for org in org_ids for argument in ("--org", org)]
    return billed.flybill("close", month, *only, "--json", **variables).json()


def _write_books(flybill: Flybill, *, probes: bool) -> None:
    for currency in MONEY:
        for first_day in BOOKS:
            flybill.prices(f"{currency}-{first_day}.toml", book(first_day, currency, probes=probes))


def _done(ran: Ran) -> None:
    assert ran.status == 0, ran

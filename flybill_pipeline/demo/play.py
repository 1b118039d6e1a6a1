"""Plays the demo: lands a month, closes it while Stripe stumbles, mends what a person must mend, proves the totals.

Everything goes through the same jobs and stores as real billing; only the customers and the accidents are made up.
Nothing is printed here: each act returns what came of it, and tells its progress to a callback.
"""

import csv
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flybill_pipeline.demo.outside import Outside
from flybill_pipeline.demo.world import DemoPlan, currency_of, is_made_up, org_ids, write_organizations, write_usage
from flybill_pipeline.operating.runs import Progress, Runner
from flybill_pipeline.settings import Settings
from flybill_pipeline.stores.invoicing.organizations_file import read_organizations
from flybill_pipeline.stores.payments.statements import MonthStatus

DELETED, OTHER_CURRENCY = 3, 7  # positions of the organizations whose customers somebody breaks


class DemoRefusedError(Exception):
    """The demo does not go here; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Closed:
    """How the close ended, while Stripe stumbled.

    `usage` are numbers of rows: `rows` that count, `duplicates`, `conflicts`, `quarantined`; `faults` are how often
    Stripe's stand-in stumbled, by kind; `broken` the organizations whose customers a person must mend.
    """

    bills: MonthStatus
    usage: Mapping[str, int]
    faults: Mapping[str, int]
    broken: Sequence[str]


@dataclass(frozen=True, slots=True)
class Played:
    """How the demo ended: its close, the month after the repair, what Stripe's stand-in objects to, seconds in all.

    `example` is the organization with the longest bill.
    """

    closed: Closed
    bills: MonthStatus
    example: str
    faults: int
    violations: Sequence[Any]
    seconds: float

    @property
    def complete(self) -> bool:
        """Whether every organization has its bill and nothing is wrong in Stripe."""
        totals = self.bills.totals.values()
        equal = all(total["invoiced_minor"] == total["synced_minor"] for total in totals)
        return equal and not self.bills.failures and not self.bills.undecided and not self.violations


class Demo:
    """A plan, played in two acts. Played again, it finds everything done and changes nothing."""

    def __init__(self, runner: Runner, settings: Settings, plan: DemoPlan) -> None:
        key = settings.stripe_api_key.get_secret_value() if settings.stripe_api_key else ""
        self._outside = Outside(str(settings.stripe_api_base), key)
        self._folder = settings.home / "demo" / plan.name
        self._runner, self._plan = runner, plan
        self._started = time.monotonic()

    def close(self, progress: Progress) -> Closed:
        """The first act: lands the month's usage and closes the month, with faults."""
        month = self._plan.month
        self._prepare()
        self._outside.cause_faults(self._plan.seed, self._plan.faults)
        self._runner.ingest(progress)
        self._runner.close(month, (), progress)
        self._outside.stop_faults()
        self._runner.reconcile(month, progress)
        tools, ids = self._runner.toolbox, org_ids(self._plan)
        bills = tools.statements.month(month)
        failed = {failure.org_id for failure in bills.failures}
        broken = [ids[position] for position in (DELETED, OTHER_CURRENCY) if ids[position] in failed]
        return Closed(bills, tools.usage.numbers(month), self._faults(), broken)

    def mend(self, closed: Closed, progress: Progress) -> Played:
        """The second act, as an operator would: new customers in Stripe, linked, then a repair of just these orgs."""
        bills = closed.bills
        if closed.broken:
            self._relink({org: self._outside.new_customer(org) for org in closed.broken}, "mended-customers.csv")
            self._runner.repair(self._plan.month, closed.broken, progress)
            self._runner.reconcile(self._plan.month, progress)
            bills = self._runner.toolbox.statements.month(self._plan.month)
        self._runner.publish(progress)
        report, seconds = self._outside.report(), time.monotonic() - self._started
        example = org_ids(self._plan)[0]
        return Played(closed, bills, example, len(report["faults_fired"]), report["violations"], seconds)

    def _faults(self) -> dict[str, int]:
        fired = self._outside.report()["faults_fired"]
        return dict(Counter(fault["fault"] if isinstance(fault, dict) else str(fault) for fault in fired))

    def _prepare(self) -> None:
        tools, file = self._runner.toolbox, self._folder / "organizations.csv"
        known = {org.org_id for org in tools.organizations.all()}
        _require_nobody_else(known, tools.settings)
        files = write_usage(self._plan, self._folder)
        write_organizations(self._plan, file)
        tools.organizations.save(read_organizations(file), tools.now())
        if not known & set(org_ids(self._plan)):
            self._break_two_customers()
        for source, usage in files:
            tools.landing.land(usage, source)

    def _break_two_customers(self) -> None:
        """Two organizations come with customers that no invoice can go to: one was deleted, one is billed in yen."""
        ids = org_ids(self._plan)
        deleted = self._outside.new_customer(ids[DELETED])
        self._outside.delete_customer(deleted)
        locked = self._outside.new_customer(ids[OTHER_CURRENCY])
        self._outside.bill_by_hand(locked, "jpy")
        self._relink({ids[DELETED]: deleted, ids[OTHER_CURRENCY]: locked}, "broken-customers.csv")

    def _relink(self, customers: Mapping[str, str], name: str) -> None:
        """Imports the organizations again, each with its customer at Stripe."""
        ids, file = org_ids(self._plan), self._folder / name
        with file.open("w", newline="", encoding="utf-8") as opened:
            writer = csv.writer(opened)
            writer.writerow(["org_id", "name", "currency", "stripe_customer_id"])
            for org, customer in customers.items():
                title = org.rsplit("-", 1)[0].replace("-", " ").title()
                writer.writerow([org, title, currency_of(ids.index(org)), customer])
        self._runner.toolbox.organizations.save(read_organizations(file), self._runner.toolbox.now())


def _require_nobody_else(known: Collection[str], settings: Settings) -> None:
    """Raises DemoRefusedError among organizations that no demo has made up."""
    others = sorted(org for org in known if not is_made_up(org))
    if others:
        raise DemoRefusedError(
            f"FLYBILL_HOME={settings.home} is not the demo's: it has the organization {others[0]!r}"
            f"{f' and {len(others) - 1} more' if len(others) > 1 else ''}, and the demo makes up organizations. Unset "
            "FLYBILL_HOME and FLYBILL_DATABASE_URL, then the demo has a home of its own; or name a new folder"
        )

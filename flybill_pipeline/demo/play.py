"""Plays the demo: lands a month, closes it while Stripe stumbles, mends what a person must mend, proves the totals.

Everything goes through the same jobs and stores as real billing; only the customers and the accidents are made up.
"""

import csv
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flybill_pipeline.cli.render import console
from flybill_pipeline.demo.outside import Outside
from flybill_pipeline.demo.world import DemoPlan, currency_of, org_ids, write_organizations, write_usage
from flybill_pipeline.operating.runs import Runner
from flybill_pipeline.settings import Settings
from flybill_pipeline.stores.invoicing.organizations import read_organizations
from flybill_pipeline.stores.payments.statements import MonthStatus

DELETED, OTHER_CURRENCY = 3, 7  # positions of the organizations whose customers somebody breaks


@dataclass(frozen=True, slots=True)
class DemoResult:
    """How it ended: the month before and after the repair, what came in, and what Stripe's stand-in says of it."""

    before: MonthStatus
    after: MonthStatus
    usage: dict[str, int]
    report: dict[str, Any]
    seconds: float

    @property
    def complete(self) -> bool:
        """Whether every organization has its bill and nothing is wrong in Stripe."""
        totals = self.after.totals.values()
        equal = all(total["invoiced_minor"] == total["synced_minor"] for total in totals)
        return equal and not self.after.failures and not self.after.undecided and not self.report["violations"]

    def data(self) -> dict[str, Any]:
        """The JSON of `flybill demo`."""
        return {
            "complete": self.complete,
            "usage": self.usage,
            "faults_survived": len(self.report["faults_fired"]),
            "violations": self.report["violations"],
            "repaired": [failure.org_id for failure in self.before.failures],
            "status": console.status_data(self.after),
        }


def play(runner: Runner, settings: Settings, plan: DemoPlan, *, quiet: bool = False) -> DemoResult:
    """The whole demo; `quiet` prints progress only. Played again, it finds everything done and changes nothing."""
    started = time.monotonic()
    key = settings.stripe_api_key.get_secret_value() if settings.stripe_api_key else ""
    outside = Outside(str(settings.stripe_api_base), key)
    folder = settings.home / "demo" / plan.name
    _prepare(runner, outside, plan, folder)
    outside.cause_faults(plan.seed, plan.faults)
    with console.progress_bars() as progress:
        runner.ingest(progress)
        runner.close(plan.month, (), progress)
        outside.stop_faults()
        runner.reconcile(plan.month, progress)
    before = runner.toolbox.statements.month(plan.month)
    usage = runner.toolbox.usage.numbers(plan.month)
    console.show_failed_runs(runner.failed)
    if not quiet:
        _show_close(before, usage, outside.report())
    after = _mend(runner, outside, plan, before, folder, quiet=quiet)
    result = DemoResult(before, after, usage, outside.report(), time.monotonic() - started)
    if not quiet:
        _show_end(result, plan)
    return result


def _prepare(runner: Runner, outside: Outside, plan: DemoPlan, folder: Path) -> None:
    files = write_usage(plan, folder)
    organizations = runner.toolbox.organizations
    known = {org.org_id for org in organizations.all()}
    write_organizations(plan, folder / "organizations.csv")
    organizations.save(read_organizations(folder / "organizations.csv"))
    if not known & set(org_ids(plan)):
        _break_two_customers(runner, outside, plan, folder)
    for source, file in files:
        runner.toolbox.landing.land(file, source)


def _break_two_customers(runner: Runner, outside: Outside, plan: DemoPlan, folder: Path) -> None:
    """Two organizations come with customers that no invoice can go to: one was deleted, one is billed in yen."""
    ids = org_ids(plan)
    deleted = outside.new_customer(ids[DELETED])
    outside.delete_customer(deleted)
    locked = outside.new_customer(ids[OTHER_CURRENCY])
    outside.bill_by_hand(locked, "jpy")
    _relink(runner, plan, {DELETED: deleted, OTHER_CURRENCY: locked}, folder / "broken-customers.csv")


def _mend(
    runner: Runner, outside: Outside, plan: DemoPlan, before: MonthStatus, folder: Path, *, quiet: bool
) -> MonthStatus:
    """As an operator would: makes new customers in Stripe, links them, and repairs just these organizations."""
    ids = org_ids(plan)
    failed = [failure.org_id for failure in before.failures]
    broken = [position for position in (DELETED, OTHER_CURRENCY) if ids[position] in failed]
    if not broken:
        return before
    mended = {position: outside.new_customer(ids[position]) for position in broken}
    _relink(runner, plan, mended, folder / "mended-customers.csv")
    if not quiet:
        console.out.print("\nMending both as an operator would: new customers in Stripe, linked by import-orgs; then")
        console.out.print(f"  flybill repair {plan.month} " + " ".join(f"--org {ids[position]}" for position in broken))
    with console.progress_bars() as progress:
        runner.repair(plan.month, [ids[position] for position in broken], progress)
        runner.reconcile(plan.month, progress)
    return runner.toolbox.statements.month(plan.month)


def _relink(runner: Runner, plan: DemoPlan, customers: dict[int, str], file: Path) -> None:
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened)
        writer.writerow(["org_id", "name", "currency", "stripe_customer_id"])
        for position, customer in customers.items():
            org = org_ids(plan)[position]
            writer.writerow([org, org.rsplit("-", 1)[0].replace("-", " ").title(), currency_of(position), customer])
    runner.toolbox.organizations.save(read_organizations(file))


def _show_close(status: MonthStatus, usage: dict[str, int], report: dict[str, Any]) -> None:
    faults = Counter(fault["fault"] if isinstance(fault, dict) else str(fault) for fault in report["faults_fired"])
    console.show_numbers(
        f"{status.month} closed",
        {
            "usage events that count": usage["rows"],
            "duplicates left out": usage["duplicates"],
            "conflicts (the first stands)": usage["conflicts"],
            "rows in quarantine": usage["quarantined"],
            "line items invoiced": status.lines,
            "invoices": status.outcomes.get("invoiced", 0),
            "faults of Stripe survived": sum(faults.values()),
        },
    )
    console.show_status(status)


def _show_end(result: DemoResult, plan: DemoPlan) -> None:
    done = result.after.organizations - len(result.after.failures) - result.after.undecided
    console.out.print(f"\n[bold]{done} of {result.after.organizations}[/bold] organizations done.")
    console.show_totals(result.after.totals)
    wrong = result.report["violations"]
    console.out.print("Stripe's stand-in finds nothing wrong." if not wrong else f"Stripe's stand-in objects: {wrong}")
    console.out.print(f"It took {result.seconds:.0f} s. Try next:")
    for command in _next_commands(plan):
        console.out.print(f"  {command}")


def _next_commands(plan: DemoPlan) -> Sequence[str]:
    org = org_ids(plan)[0]
    return (
        f".venv/bin/flybill owes {org} --month {plan.month}",
        f".venv/bin/flybill status {plan.month}",
        "make up    # the same month in Dagster's UI",
    )

"""How `flybill demo` answers: the month after each act, and its JSON. Nothing is played here."""

import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

from flybill_pipeline.cli.render import screen
from flybill_pipeline.cli.render.month_status import bills_data, show_bills, show_totals
from flybill_pipeline.demo.play import Closed, Played


def show_closed(closed: Closed) -> None:
    """The month after the close, and what of it a person has to mend."""
    bills, usage = closed.bills, closed.usage
    screen.line()
    screen.line(screen.strong(f"{bills.month} closed"))
    screen.numbers(
        {
            "usage events that count": usage["rows"],
            "duplicates left out": usage["duplicates"],
            "conflicts (the first stands)": usage["conflicts"],
            "rows in quarantine": usage["quarantined"],
            "line items invoiced": bills.lines,
            "invoices": bills.outcomes.get("invoiced", 0),
            "faults of Stripe survived": sum(closed.faults.values()),
        }
    )
    show_bills(bills)
    if closed.broken:
        screen.line()
        screen.line("Mending both as an operator would: new customers in Stripe, linked by import-orgs; then")
        screen.line(f"  flybill repair {bills.month} " + " ".join(f"--org {org}" for org in closed.broken))


def show_played(played: Played, home: Path) -> None:
    """How it ended, and what one may try next in its home."""
    bills, wrong = played.bills, played.violations
    done = bills.organizations - len(bills.failures) - bills.undecided
    screen.line()
    screen.line(screen.strong(f"{done} of {bills.organizations}"), " organizations done.")
    show_totals(bills.totals)
    screen.line("Stripe's stand-in finds nothing wrong." if not wrong else f"Stripe's stand-in objects: {wrong}")
    screen.line(f"It took {played.seconds:.0f} s. Try next:")
    flybill = "flybill" if shutil.which("flybill") else shlex.quote(sys.argv[0])
    screen.line(f"  export FLYBILL_HOME={shlex.quote(str(home))}")
    screen.line(f"  {flybill} owes {played.example} --month {bills.month}")
    screen.line(f"  {flybill} status {bills.month}")
    screen.line(f"  {flybill} up    # the same month in Dagster's UI")
    screen.line(f"  {flybill} link {played.example}    # what its developers see; {flybill} web serves it")


def played_data(played: Played) -> dict[str, Any]:
    """The JSON of `flybill demo`."""
    return {
        "complete": played.complete,
        "usage": dict(played.closed.usage),
        "faults_survived": played.faults,
        "violations": played.violations,
        "repaired": [failure.org_id for failure in played.closed.bills.failures],
        "status": bills_data(played.bills),
    }

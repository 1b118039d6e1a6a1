"""How `flybill demo` answers: the month after each act, and its JSON. Nothing is played here."""

from collections.abc import Sequence
from typing import Any

from flybill_pipeline.cli.render import console
from flybill_pipeline.demo.play import Closed, Played
from flybill_pipeline.demo.world import DemoPlan, org_ids


def show_closed(closed: Closed) -> None:
    """The month after the close, and what of it a person has to mend."""
    status, usage = closed.status, closed.usage
    console.show_numbers(
        f"{status.month} closed",
        {
            "usage events that count": usage["rows"],
            "duplicates left out": usage["duplicates"],
            "conflicts (the first stands)": usage["conflicts"],
            "rows in quarantine": usage["quarantined"],
            "line items invoiced": status.lines,
            "invoices": status.outcomes.get("invoiced", 0),
            "faults of Stripe survived": sum(closed.faults.values()),
        },
    )
    console.show_status(status)
    if closed.broken:
        console.out.print("\nMending both as an operator would: new customers in Stripe, linked by import-orgs; then")
        console.out.print(f"  flybill repair {status.month} " + " ".join(f"--org {org}" for org in closed.broken))


def show_played(played: Played, plan: DemoPlan) -> None:
    """How it ended, and what one may try next."""
    status = played.status
    done = status.organizations - len(status.failures) - status.undecided
    console.out.print(f"\n[bold]{done} of {status.organizations}[/bold] organizations done.")
    console.show_totals(status.totals)
    wrong = played.violations
    console.out.print("Stripe's stand-in finds nothing wrong." if not wrong else f"Stripe's stand-in objects: {wrong}")
    console.out.print(f"It took {played.seconds:.0f} s. Try next:")
    for command in _next_commands(plan):
        console.out.print(f"  {command}")


def played_data(played: Played) -> dict[str, Any]:
    """The JSON of `flybill demo`."""
    return {
        "complete": played.complete,
        "usage": dict(played.closed.usage),
        "faults_survived": played.faults,
        "violations": played.violations,
        "repaired": [failure.org_id for failure in played.closed.status.failures],
        "status": console.status_data(played.status),
    }


def _next_commands(plan: DemoPlan) -> Sequence[str]:
    return (
        f".venv/bin/flybill owes {org_ids(plan)[0]} --month {plan.month}",
        f".venv/bin/flybill status {plan.month}",
        "make up    # the same month in Dagster's UI",
    )

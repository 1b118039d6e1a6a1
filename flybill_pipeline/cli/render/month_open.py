"""How `status` tells that a month runs, and what a closed one waits for: late usage, other months; and their JSON."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.cli.render import screen
from flybill_pipeline.questions.late_usage import LateUsage
from flybill_pipeline.stores.invoicing.first_month import UsageBefore

MOST = 3
WHEN = "it is billed with the next month"


def show_late(late: LateUsage | None) -> None:
    """A line when usage came after the month was closed."""
    if late is None:
        return
    due = late.organizations - late.too_late
    if due:
        of = screen.counted(due, "organization")
        screen.line(screen.warning("late usage"), f": usage of {of} came after the month was closed; {WHEN}")
    if late.too_late:
        of = screen.counted(late.too_late, "organization")
        screen.line(screen.warning("late usage"), f": usage of {of} came when no month could bill it any more")


def show_running(month: Month, now: datetime) -> None:
    """A line when the month cannot be closed, as it has not begun or runs."""
    if now < month.start:
        screen.line(f"{month} has not begun: nobody owes anything for it yet.")
    elif now < month.end:
        screen.line(f"{month} runs until {month.last_day}, midnight UTC: nothing of it is final yet.")


def show_first(month: Month, first: Month | None, before: UsageBefore | None) -> None:
    """A line when the month is one of before flybill, or else when usage `before` the first that was closed is there.

    Who begins with a month may mean not to bill what was before it, or may not know that a file begins earlier.
    """
    if first is None:
        return
    if month < first:
        screen.line(f"{month} is before {first}, the first month that was closed here.")
    elif before is not None:
        oldest, newest = before.oldest, before.newest
        months, through = (f"{oldest} to {newest}", f" --through {newest}") if oldest < newest else (f"{oldest}", "")
        screen.line(
            screen.warning("not billed"),
            f": usage of {months} is before {first}, the first month that was closed here; "
            f"what bills it: `flybill close {oldest}{through}`",
        )


def show_overdue(overdue: Mapping[Month, int]) -> None:
    """One line when other months are not closed."""
    if not overdue:
        return
    oldest, newest = min(overdue), max(overdue)
    through = f" --through {newest}" if newest != oldest else ""
    months = [f"{month} ({screen.counted(waiting, 'organization')})" for month, waiting in sorted(overdue.items())]
    more = f" and {len(months) - MOST} more" if len(months) > MOST else ""
    screen.line(
        screen.warning("not closed"),
        f": {', '.join(months[:MOST])}{more}; close the oldest first: `flybill close {oldest}{through}`",
    )


def late_data(late: LateUsage | None) -> dict[str, int] | None:
    """The member `late_usage` of `flybill status --json`; null when it cannot be known."""
    return None if late is None else {"organizations": late.organizations, "too_late": late.too_late}


def before_data(before: UsageBefore | None) -> dict[str, str] | None:
    """The member `usage_before` of `flybill status --json`; null where there is none."""
    return None if before is None else {"oldest": str(before.oldest), "newest": str(before.newest)}


def overdue_data(overdue: Mapping[Month, int]) -> list[dict[str, Any]]:
    """The member `months_not_closed` of `flybill status --json`."""
    return [{"month": str(month), "organizations": waiting} for month, waiting in sorted(overdue.items())]

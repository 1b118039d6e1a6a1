"""How `status` tells which changes of organizations Stripe does not have yet, and its JSON. What they are: billing."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from flybill_pipeline.billing.sync.untold import Untold
from flybill_pipeline.cli.render import screen

MOST = 20


def show_untold(untold: Sequence[Untold]) -> None:
    """Each telling that failed, with why; then who waits, in one line."""
    failed = [each for each in untold if each.code is not None]
    for each in failed[:MOST]:
        screen.line(screen.bad(each.org_id), f" (not told to Stripe: {each.what}; {each.code})")
        screen.fields({"what happened": each.message, "what to do": each.remedy, "next attempt": _at(each)})
    waiting = [each for each in untold if each.code is None]
    if waiting:
        names = [f"{each.org_id} ({each.what})" for each in waiting[:MOST]]
        more = [f"{len(waiting) - MOST} more"] if len(waiting) > MOST else []
        screen.line(
            f"Told to Stripe before the next invoice: what changed of {_organizations(len(waiting))}: "
            f"{', '.join(names + more)}"
        )
    if len(failed) > MOST:
        screen.line(f"… and {len(failed) - MOST} more were not told: `flybill status MONTH --json` lists all of them")


def untold_data(untold: Sequence[Untold]) -> list[dict[str, Any]]:
    """The member `customers_to_tell` of `flybill status --json`."""
    return [asdict(each) | {"next_attempt_at": _iso(each)} for each in untold]


def _organizations(count: int) -> str:
    return f"{count:,} organization{'' if count == 1 else 's'}"


def _at(each: Untold) -> str:
    return f"{each.next_attempt_at:%Y-%m-%d %H:%M:%S} UTC" if each.next_attempt_at else ""


def _iso(each: Untold) -> str | None:
    return each.next_attempt_at.isoformat() if each.next_attempt_at else None

"""How `status` and `close` tell what Stripe's own list says of a month, and its JSON. The words are billing's."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from flybill_pipeline.billing.sync.accounts import StripeInUse
from flybill_pipeline.billing.sync.verdicts import Difference, Verdict, amount_in_words
from flybill_pipeline.cli.render import screen

MOST = 20
REMEDY = {
    "differs": "Look at each row, here and in Stripe's dashboard; nothing is changed by itself. Then close again.",
    "other_account": "Nothing, if that account was for a trial. Else set the key of that account again and close. "
    "docs/operations.md tells how to go from one account to another.",
}


def show_stripe(stripe: StripeInUse) -> None:
    """Whom the key speaks to."""
    screen.line(f"Stripe: {stripe.sentence}")


def stripe_data(stripe: StripeInUse) -> dict[str, Any]:
    """The member `stripe_account` of `flybill status --json`."""
    account_id = None if stripe.account is None else stripe.account.account_id
    return {"account_id": account_id, "livemode": stripe.livemode, "base": stripe.base}


def show_verdict(verdict: Verdict) -> None:
    """One line where both sides are the same, a table where they are not; nothing where nothing was compared."""
    if verdict.not_read:
        screen.line(screen.bad("Stripe's own list:"), f" {verdict.not_read}")
    if verdict.compared_at is None or not verdict.message:
        return
    at = f"{verdict.compared_at:%Y-%m-%d %H:%M} UTC"
    if not verdict.is_wrong():
        screen.line(f"Stripe's own list: {verdict.message} ({at})")
    else:
        screen.line(screen.bad("Stripe's own list"), f" ({verdict.state}, {at})")
        screen.fields({"what happened": verdict.message, "what to do": REMEDY[verdict.state]})
    _show_rows(verdict.differs, verdict.differing)
    _show_rows(verdict.written_off, len(verdict.written_off))


def _show_rows(rows: Sequence[Difference], count: int) -> None:
    if not rows:
        return
    titles = ("organization", "invoice", "what differs", "here", "at Stripe")
    cells = [
        (
            row.org_id or "unknown",
            row.number or row.stripe_invoice_id or "",
            row.what,
            _amount(row.amount_minor_ours, row.currency),
            _amount(row.amount_minor_theirs, row.currency),
        )
        for row in rows[:MOST]
    ]
    screen.table(titles, cells, right=titles[3:])
    if count > MOST:
        screen.line(f"… and {count - MOST} more: `flybill status MONTH --json` lists them")


def _amount(minor: int | None, currency: str | None) -> str:
    return "-" if minor is None or currency is None else amount_in_words(minor, currency)


def verdict_data(verdict: Verdict) -> dict[str, Any]:
    """The member `reconciliation` of `flybill status --json`."""
    return {**asdict(verdict), "compared_at": verdict.compared_at and verdict.compared_at.isoformat()}

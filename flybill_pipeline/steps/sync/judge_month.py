"""Puts what a comparison with Stripe's list came to into a verdict that is kept and shown. Does not compare."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.sync.accounts import MadeElsewhere, StripeAccount, elsewhere_sentence
from flybill_pipeline.billing.sync.verdicts import MOST_KEPT, Difference, State, Verdict, difference_words
from flybill_pipeline.steps.sync.prove_month import MonthProof

if TYPE_CHECKING:
    import pandas as pd


def judge_month(
    month: Month,
    proof: MonthProof,
    elsewhere: Sequence[MadeElsewhere],
    here: StripeAccount | None,
    now: datetime,
) -> Verdict:
    """The verdict on a month. Some of its invoices may stand `elsewhere`, in other accounts than `here`."""
    compared = proof.reconciliation
    if compared is None:
        return Verdict("not_compared", not_read=proof.unread)
    rows = list(_rows(compared.differences))
    differs = [_difference(row) for row in rows if not _is_unsent(row)]
    unsent = len(rows) - len(differs)
    there = sum(each.invoices for each in elsewhere)
    invoices = there + compared.matched + len(rows)
    state: State = "differs" if differs else "other_account" if there else "matches"
    elsewhere_words = elsewhere_sentence(str(month), elsewhere, here, invoices) if here is not None else ""
    return Verdict(
        state=state,
        compared_at=now,
        message=" ".join(filter(None, (elsewhere_words, _message(compared.matched, len(differs), unsent)))),
        matched=compared.matched,
        unsent=unsent,
        differing=len(differs),
        differs=differs[:MOST_KEPT],
        written_off=differences(compared.written_off)[:MOST_KEPT],
    )


def differences(table: "pd.DataFrame | None") -> list[Difference]:
    """The rows of a table of a reconciliation, in words."""
    return [_difference(row) for row in _rows(table)]


def _is_unsent(row: Mapping[str, Any]) -> bool:
    """Whether the sync has not brought it there yet, which is told as such, and is no difference of the two lists."""
    return bool(row["difference"] == "missing_there" and row["sync_state"] != "finalized")


def _message(matched: int, differs: int, unsent: int) -> str:
    if not (matched or differs or unsent):
        return ""
    parts = [f"{_invoices(matched)} the same here and in Stripe's own list"]
    parts += [f"{differs} not"] if differs else []
    parts += [f"{unsent} not sent yet"] if unsent else []
    return f"{', '.join(parts)}."


def _invoices(count: int) -> str:
    return "1 invoice is" if count == 1 else f"{count} invoices are"


def _rows(table: "pd.DataFrame | None") -> Iterator[Mapping[str, Any]]:
    """The rows of a table of differences, with None where a side has nothing."""
    if table is None or table.empty:
        return
    filled = table.astype(object).where(table.notna(), None)
    for row in filled.to_dict("records"):
        yield {str(name): value for name, value in row.items()}


def _difference(row: Mapping[str, Any]) -> Difference:
    return Difference(
        org_id=row["org_id"],
        invoice_id=row["invoice_id"],
        number=row["number"],
        difference=str(row["difference"]),
        what=difference_words(row),
        currency=row["currency_ours"] or row["currency_theirs"],
        amount_minor_ours=_whole(row["amount_minor_ours"]),
        amount_minor_theirs=_whole(row["amount_minor_theirs"]),
        stripe_invoice_id=row["stripe_invoice_id"],
        status=row["status"],
    )


def _whole(amount: Any) -> int | None:
    return None if amount is None else int(amount)

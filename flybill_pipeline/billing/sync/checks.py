"""Compares our invoice with Stripe's copy, and names what we find wrong ourselves. Not what Stripe refuses."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from flybill_pipeline.billing.money.currencies import currency_of
from flybill_pipeline.billing.sync.values import Failure, FailureKind, StripeInvoice, SyncInvoice

WITHDRAWN = "withdrawn"
"""What a person writes in the place of our id, in the metadata of a wrong copy that cannot be voided: it is paid."""
_COMPARE = "Compare both in Stripe's dashboard; "
_WITHDRAW = (
    f"give back there what was paid (a refund, a credit note), set flybill_invoice_id to {WITHDRAWN} in its metadata"
)


def problem_before_sending(invoice: SyncInvoice) -> Failure | None:
    """Why this invoice must not be sent at all, or None."""
    total = sum(line.amount_minor for line in invoice.lines)
    if total != invoice.subtotal_minor:
        return _failure(
            "lines_do_not_sum",
            f"The lines sum to {total}, the invoice says {invoice.subtotal_minor} (minor units)",
            "The stored invoice contradicts itself: nothing was sent; find out who wrote it.",
        )
    largest = currency_of(invoice.currency).maximum_minor
    if not 0 < invoice.subtotal_minor <= largest:
        return _failure(
            "amount_not_collectable",
            f"{invoice.subtotal_minor} minor units is not between 1 and {largest}, Stripe's largest payment",
            "Agree with the customer how to pay, and settle the invoice outside Stripe.",
        )
    return None


def mismatch(
    ours: SyncInvoice,
    theirs: StripeInvoice,
    statuses: Sequence[str],
    *,
    has_lines: bool = True,
    marked: bool = True,
    numbered: bool = True,
) -> Failure | None:
    """What Stripe's copy has differently, or None.

    `statuses` are those that are right at this moment; amounts are compared once the copy has its lines. `amount_due`
    and `total` never are: a customer's balance and tax may change them; but where the tax is a part of our amounts,
    `total` is what they come to. Metadata is compared where it is what tells that the copy is ours (`marked`): anybody
    may edit it. Its number is, where it was made with one (`numbered`).
    """
    pairs: list[tuple[str, object, object]] = [
        ("customer", ours.org.customer_id, theirs.customer_id),
        ("currency", ours.currency, theirs.currency),
    ]
    if marked:
        pairs += [
            ("metadata", ours.content_hash, theirs.flybill_content_hash),
            ("invoice id", ours.invoice_id, theirs.flybill_invoice_id),
            ("number", ours.number, theirs.flybill_number),  # months closed again after a restore may number otherwise
        ]
    if numbered and ours.number_at_stripe is not None:
        pairs.append(("number at Stripe", ours.number_at_stripe, theirs.number))
    if has_lines:
        pairs.append(("subtotal", ours.subtotal_minor, theirs.subtotal_minor))
    if has_lines and ours.tax == "inclusive":
        pairs.append(("total", ours.subtotal_minor, theirs.total_minor))
    elif has_lines and theirs.total_excluding_tax_minor is not None:
        pairs.append(("total excluding tax", ours.subtotal_minor, theirs.total_excluding_tax_minor))
    differing = [f"{name} is {there} instead of {here}" for name, here, there in pairs if here != there]
    if theirs.status not in statuses:
        differing.append(f"status is {theirs.status} instead of {' or '.join(statuses)}")
    if not differing:
        return None
    return _failure(
        "mismatch",
        f"Stripe's copy {theirs.stripe_invoice_id} differs: {'; '.join(differing)}",
        f"{_COMPARE}the copy is paid, so it cannot be voided. If it is wrong, {_WITHDRAW}, then repair the org."
        if theirs.status == "paid"
        else f"{_COMPARE}delete or void the wrong copy there, then repair the org.",
    )


def two_finalized(invoices: Sequence[StripeInvoice]) -> Failure:
    """The alarm: the same invoice stands finalized at Stripe more than once."""
    names = ", ".join(sorted(invoice.stripe_invoice_id for invoice in invoices))
    return _failure(
        "finalized_twice",
        f"Stripe has this invoice more than once: {names}",
        f"Void all but one of them in Stripe's dashboard today; one that is paid cannot be voided: {_WITHDRAW}. Then "
        "repair the org.",
    )


def may_be_under_way(wait: timedelta) -> Failure:
    """What was sent before with other terms was never answered, and may be executed yet: wait, then look again."""
    failure = _failure(
        "terms_changed",
        "The organization's terms changed while Stripe had not answered; it is looked at again before it is sent",
        "Nothing: it is tried again by itself.",
        "same_key",
    )
    return replace(failure, retry_after=wait.total_seconds())


def no_end_in_sight(kind: FailureKind = "same_key") -> Failure:
    """Looking and sending again did not settle it: wait, and begin again later."""
    return _failure(
        "keeps_failing", "Stripe kept failing on this invoice; it will be tried again", "Nothing yet.", kind
    )


def _failure(code: str, message: str, remedy: str, kind: FailureKind = "org") -> Failure:
    return Failure(kind=kind, code=code, message=message, remedy=remedy)

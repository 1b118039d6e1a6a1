"""What is said of an invoice that is not at our payment provider yet, by the code of what went wrong. No code is made.

All of it follows a sentence that says the amount; the payment provider may add tax to it. Most of what can happen is
ours to mend: then it says so, and that nothing is to be done.
"""

from collections.abc import Mapping

from flybill_pipeline.billing.sync.breaker import Cause
from flybill_pipeline.billing.sync.values import FOR_A_PERSON
from flybill_pipeline.billing.words.sentence import Sentence, said

READY_SOON = said("The amount before tax is final. The link to pay follows as soon as our payment provider answers.")
CHECKED = said(
    "The amount before tax is final. We check the invoice, then the link to pay follows. You need not do anything."
)
_RECONNECTED = said("We are reconnecting your account at our payment provider. You need not do anything.")

_SOON = (
    *("no_answer", "key_in_use", "tax_engine", "stripe_error", "object_busy", "rate_limited", "invoice_missing"),
    *("already_further", "key_reused", "terms_changed", "keeps_failing", "not_reached", "list_moved"),
)
_CHECK = (
    *("tax_inactive", "no_payment_method_types", "bad_key", "wrong_account", "number_refused", "not_found", "refused"),
    *("amount_not_collectable", "no_permission", "unexpected", "livemode_mismatch", "lines_do_not_sum", "mismatch"),
    *("finalized_twice", "customer_of_another", "other_account"),
)
FAILURES: Mapping[str, Sentence] = {
    **dict.fromkeys(_SOON, READY_SOON),
    **dict.fromkeys(_CHECK, CHECKED),
    "customer_missing": _RECONNECTED,
    "currency_clash": said("Contact us: our payment provider does not take the currency of this invoice for you."),
    "tax_id_invalid": said("Please send us your tax id again: the one that we have is not accepted."),
    "address_unusable": said("Please send us your complete billing address: the tax depends on it."),
    "email_missing": said("Please give us an email address for your invoices."),
    "email_invalid": said("Please send us your billing email again: the address that we have is not accepted."),
    "payment_failed": said("The payment did not go through. You can pay on the invoice's page."),
}
"""By the code of a failure."""

DELAYS: Mapping[Cause, Sentence] = {
    "outage": said(
        "Our payment provider does not answer at the moment: the link to pay follows when it does. "
        "The amount before tax is final."
    ),
    "refused": said(
        "The link to pay is late because of a problem on our side. "
        "The amount before tax is final; you need not do anything."
    ),
}
"""By what keeps every invoice from our payment provider."""


def failure_words(code: str) -> Sentence:
    """What is read of an invoice that failed with this code; of one that an older version gave, that we check it."""
    return FAILURES.get(code, CHECKED)


def waiting_words(state: str | None, code: str | None, delay: Cause | None) -> Sentence:
    """What is read of an invoice that is not at our payment provider, by the state of its sync.

    What waits for a person waits whatever else goes on; else what delays all of them says more than the last failure.
    """
    if state in FOR_A_PERSON:
        return failure_words(code or "")
    if delay is not None:
        return DELAYS[delay]
    return failure_words(code) if code else READY_SOON

"""The one table of failures: error class x status x code to kind, name and sentences for the operator. Data only.

The first row that matches counts, so the particular stands before the general. Every class of stripe-python has a row
without conditions; a test fails when the library grows a class that has none.

A refusal is one object's ("org") or the account's ("everyone"). The account's are only those that are about the key
and the same for whatever is asked: then one answer is enough. All others may be of one customer or one invoice,
whatever they are called. That the reason is everybody's is seen by several organizations, so no sentence here says it.
"""

from dataclasses import replace

import stripe
from stripe import oauth_error

from flybill_pipeline.stripe_gateway.failure_rule import Rule
from flybill_pipeline.stripe_gateway.way_there import CLOSED

_TAX_ENGINE = ("failed_tax_calculation", "taxes_calculation_failed")
_ADDRESS = ("customer_tax_location_invalid", "invalid_tax_location")
_KEY = ("secret_key_required", "api_key_expired", "platform_api_key_expired")
_LINK_ANOTHER = "Link the org to an existing customer (import-orgs with its stripe_customer_id), then repair the org."
_NOT_OURS_TO_MEND = "Tell whoever maintains flybill, with the request id; repair the org afterwards."

_CLOSED = tuple(
    Rule(stripe.APIConnectionError, "same_key", "not_reached", *words, codes=(code,)) for code, words in CLOSED.items()
)
_NO_ANSWER = (
    *_CLOSED,
    Rule(stripe.APIConnectionError, "same_key", "no_answer", "No answer from Stripe; the same request is sent again"),
    Rule(
        stripe.APIError,
        "same_key",
        "key_in_use",
        "An earlier request of this very step is still at work at Stripe",
        codes=("idempotency_key_in_use",),
    ),
    Rule(
        stripe.APIError,
        "same_key",
        "tax_engine",
        "Stripe could not calculate the tax",
        codes=_TAX_ENGINE,
    ),
    Rule(stripe.APIError, "same_key", "stripe_error", "Stripe failed, outcome unknown; it will be verified"),
)

_BUSY = (
    Rule(
        stripe.RateLimitError,
        "same_key",
        "object_busy",
        "Another request holds this object at Stripe",
        codes=("lock_timeout",),
    ),
    Rule(stripe.RateLimitError, "same_key", "rate_limited", "Stripe throttles us; slowing down"),
)

_NO_CUSTOMER = Rule(
    stripe.InvalidRequestError,
    "org",
    "customer_missing",
    "The customer does not exist in this Stripe account, or was deleted there",
    _LINK_ANOTHER,
    codes=("resource_missing",),
    params=("customer",),
)
_REFUSED = (
    Rule(
        stripe.InvalidRequestError,
        "look_first",
        "list_moved",
        "What a list was to go on after was deleted meanwhile; it is read again",
        codes=("resource_missing",),
        params=("starting_after",),
    ),
    _NO_CUSTOMER,
    # In the path of a call it is called `id`, as an invoice is.
    replace(_NO_CUSTOMER, params=(), says=("no such customer",)),
    Rule(
        stripe.InvalidRequestError,
        "look_first",
        "invoice_missing",
        "Stripe does not know the invoice that it gave us; looking what it has",
        codes=("resource_missing",),
    ),
    Rule(
        stripe.InvalidRequestError,
        "org",
        "currency_clash",
        "Stripe does not bill this customer in the org's currency beside what it has in another one",
        "End what the customer has there in the other currency (a subscription, a discount, a pending item), or link "
        "the org to another customer; then repair the org.",
        says=("combine currencies",),
    ),
    Rule(
        stripe.InvalidRequestError,
        "org",
        "tax_id_invalid",
        "Stripe does not take the org's tax id",
        "Correct tax_id (import-orgs), if need be with Stripe's type before it, such as eu_vat:DE123456789. Then "
        "repair the org.",
        codes=("tax_id_invalid",),
    ),
    Rule(
        stripe.InvalidRequestError,
        "org",
        "address_unusable",
        "Tax is on and the customer's address cannot be used",
        "Import the org's address (import-orgs), or complete it in Stripe; then repair the org.",
        codes=_ADDRESS,
    ),
    Rule(
        stripe.InvalidRequestError,
        "same_key",
        "tax_engine",
        "Stripe could not calculate the tax",
        codes=_TAX_ENGINE,
    ),
    Rule(
        stripe.InvalidRequestError,
        "org",
        "tax_inactive",
        "Stripe Tax is not active in this account, and FLYBILL_STRIPE_AUTOMATIC_TAX is set",
        "Complete the tax settings in Stripe's dashboard (head office, registrations), or unset the variable. Then "
        "close again, and repair the orgs that were blocked.",
        codes=("stripe_tax_inactive",),
    ),
    Rule(
        stripe.InvalidRequestError,
        "look_first",
        "already_further",
        "The invoice is further at Stripe than our row says; adopting it",
        codes=("invoice_not_editable", "status_transition_invalid"),
    ),
    Rule(  # the real answers have no code
        stripe.InvalidRequestError,
        "look_first",
        "already_further",
        "The invoice is further at Stripe than our row says; adopting it",
        says=("already finalized", "only delete draft invoices"),
    ),
    Rule(
        stripe.InvalidRequestError,
        "org",
        "no_payment_method_types",
        "Stripe has no type of payment method for this invoice",
        "Enable one that fits its customer and currency, under Settings, Billing, Invoices in Stripe's dashboard; then "
        "repair the org.",
        codes=("invoice_no_payment_method_types",),
    ),
    Rule(
        stripe.InvalidRequestError,
        "everyone",
        "bad_key",
        "The API key is invalid, expired, or no secret key",
        "Set STRIPE_API_KEY to a valid secret key and start the sync again; nothing was lost.",
        codes=_KEY,
    ),
    Rule(
        stripe.InvalidRequestError,
        "org",
        "wrong_account",
        "The key belongs to another mode or account than the customer or the invoice",
        "Check STRIPE_API_KEY and FLYBILL_STRIPE_LIVE, and which customer the org is linked to; then repair the org.",
        codes=("livemode_mismatch", "account_invalid"),
    ),
    Rule(
        stripe.InvalidRequestError,
        "org",
        "number_refused",
        "Stripe does not take the number of this invoice; another invoice of the account may have it",
        "Look for the number in Stripe's dashboard: who gave it to another invoice? To let Stripe number this one, set "
        "FLYBILL_STRIPE_NUMBERS=stripe. Then repair the org.",
        params=("number",),
    ),
    Rule(  # without a code
        stripe.InvalidRequestError,
        "org",
        "email_missing",
        "The customer has no email address, and Stripe sends invoices to one",
        "Import the org with an email (import-orgs), and give it to the customer in Stripe if the org is linked to one "
        "that was there before; or set collection_method to charge_automatically. Then repair the org.",
        says=("missing email",),
    ),
    Rule(
        stripe.InvalidRequestError,
        "org",
        "email_invalid",
        "Stripe does not accept the org's email address",
        "Correct the email (import-orgs), then repair the org.",
        codes=("email_invalid",),
    ),
    Rule(
        stripe.InvalidRequestError,
        "org",
        "amount_not_collectable",
        "Stripe does not collect this amount",
        "Agree with the customer how to pay, and settle the invoice outside Stripe.",
        codes=("amount_too_large", "amount_too_small"),
    ),
    Rule(
        stripe.InvalidRequestError,
        "same_key",
        "rate_limited",
        "Stripe throttles us; slowing down",
        codes=("rate_limit",),
    ),
    Rule(
        stripe.InvalidRequestError,
        "org",
        "not_found",
        "Stripe does not know what was asked for, and does not say what that is",
        "Look whether the org's customer and invoice exist at Stripe, check STRIPE_API_BASE; then repair the org.",
        statuses=(404,),
    ),
    Rule(stripe.InvalidRequestError, "org", "refused", "Stripe refused the request", _NOT_OURS_TO_MEND),
    Rule(
        stripe.IdempotencyError,
        "look_first",
        "key_reused",
        "A key was used before with another content; looking what Stripe has",
        _NOT_OURS_TO_MEND,
    ),
)

_KEY_OR_CARD = (
    Rule(
        stripe.AuthenticationError,
        "everyone",
        "bad_key",
        "The API key is invalid or expired",
        "Set STRIPE_API_KEY to a valid secret key and start the sync again; nothing was lost.",
    ),
    Rule(
        stripe.PermissionError,
        "org",
        "no_permission",
        "Stripe does not permit this with the API key",
        "Give the key write permission for invoices and customers; if it has that, look at the customer in Stripe's "
        "dashboard. Then repair the org; nothing was lost.",
    ),
    Rule(
        stripe.CardError,
        "look_first",
        "payment_failed",
        "The invoice is at Stripe, its payment failed; Stripe's own reminders are on",
        "None for the sync: a failed payment is not a failed sync.",
    ),
)

_NOT_STRIPES_OWN = tuple(
    Rule(error, "same_key", "stripe_error", "Something between us and Stripe answered; outcome unknown")
    for error in (
        oauth_error.OAuthError,
        oauth_error.InvalidClientError,
        oauth_error.InvalidGrantError,
        oauth_error.InvalidRequestError,
        oauth_error.InvalidScopeError,
        oauth_error.UnsupportedGrantTypeError,
        oauth_error.UnsupportedResponseTypeError,
    )
)

# The first three are bases or belong to webhooks, the rest to Stripe's v2 namespace: no call that we make raises them.
_UNEXPECTED = tuple(
    Rule(error, "org", "unexpected", f"stripe-python raised {error.__name__}", _NOT_OURS_TO_MEND)
    for error in (
        stripe.StripeError,
        stripe.StripeErrorWithParamCode,
        stripe.SignatureVerificationError,
        stripe.AlreadyCanceledError,
        stripe.BlockedByStripeError,
        stripe.CannotProceedError,
        stripe.CapabilityNotEnabledError,
        stripe.ControlledByAlternateResourceError,
        stripe.FeatureNotEnabledError,
        stripe.FinancialAccountNotOpenError,
        stripe.FxQuoteNeedsRefreshError,
        stripe.InsufficientFundsError,
        stripe.InvalidPaymentMethodError,
        stripe.InvalidPayoutMethodError,
        stripe.InvalidVaultedCredentialError,
        stripe.NotCancelableError,
        stripe.QuotaExceededError,
        stripe.RecipientNotNotifiableError,
        stripe.TemporarySessionExpiredError,
        stripe.VerificationAttemptFailedError,
        stripe.VerificationExpiredError,
        stripe.VerificationNotInitiatedError,
    )
)

TABLE: tuple[Rule, ...] = (*_NO_ANSWER, *_BUSY, *_REFUSED, *_KEY_OR_CARD, *_NOT_STRIPES_OWN, *_UNEXPECTED)

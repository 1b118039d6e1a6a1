"""Every failure has a name: the table is whole, and headers overrule it as Stripe says."""

import inspect
import re
from collections.abc import Iterator, Mapping

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.stripe_gateway.failure_rule import NOTHING_TO_DO
from flybill_pipeline.stripe_gateway.failure_table import TABLE
from flybill_pipeline.stripe_gateway.failures import LONGEST_RETRY_AFTER, classify

Headers = Mapping[str, str]


def library_classes(base: type[stripe.StripeError] = stripe.StripeError) -> Iterator[type[stripe.StripeError]]:
    """The library's classes, found by asking Python for subclasses; a class of a test does not count."""
    if base.__module__.startswith("stripe."):
        yield base
    for child in base.__subclasses__():
        yield from library_classes(child)


def raised(
    error: type[stripe.StripeError],
    status: int | None = None,
    code: str | None = None,
    *,
    headers: Headers | None = None,
    param: str | None = None,
    message: str = "Anna's Bakery, sk_live_12345",
) -> stripe.StripeError:
    """An exception as the library makes it: the code stands in the body alone for most classes."""
    body = {"error": {"message": message, **({"code": code} if code else {})}}
    known = {"message": message, "http_status": status, "json_body": body, "headers": dict(headers or {})}
    accepted = inspect.signature(error.__init__).parameters
    if "param" in accepted:
        known["param"] = param
        known["code"] = code
    if "sig_header" in accepted:
        return stripe.SignatureVerificationError(message, "header")  # type: ignore[no-untyped-call]
    if "description" in accepted:
        known = {"code": code, "description": message, "http_status": status, "headers": dict(headers or {})}
    return error(**known)  # type: ignore[arg-type]


@pytest.mark.parametrize("error", sorted(set(library_classes()), key=str))
def test_every_class_of_the_library_has_a_row_for_all_its_errors(error: type[stripe.StripeError]) -> None:
    assert any(rule.error is error and rule.unconditional for rule in TABLE), f"{error} is new: give it a row"
    assert classify(raised(error)).code


def test_a_class_that_nobody_mapped_is_noticed() -> None:
    class NewStripeError(stripe.StripeError):
        pass

    with pytest.raises(LookupError, match="NewStripeError"):
        classify(NewStripeError("new"))


def test_no_row_is_hidden_behind_a_more_general_one() -> None:
    for index, rule in enumerate(TABLE):
        assert not any(earlier.error is rule.error and earlier.unconditional for earlier in TABLE[:index]), rule.name


def test_every_row_speaks_to_the_operator_and_to_the_customer() -> None:
    for rule in TABLE:
        assert rule.message
        assert rule.remedy
        if rule.kind in ("org", "everyone"):
            assert rule.remedy != NOTHING_TO_DO


CASES: list[tuple[type[stripe.StripeError], int | None, str | None, str | None, str, str]] = [
    (stripe.APIConnectionError, None, None, None, "same_key", "no_answer"),
    (stripe.APIError, 409, "idempotency_key_in_use", None, "same_key", "key_in_use"),
    (stripe.APIError, 500, None, None, "same_key", "stripe_error"),
    (stripe.APIError, 503, None, None, "same_key", "stripe_error"),
    (stripe.APIError, 424, "taxes_calculation_failed", None, "same_key", "tax_engine"),
    (stripe.RateLimitError, 429, "lock_timeout", None, "same_key", "object_busy"),
    (stripe.RateLimitError, 429, "rate_limit", None, "same_key", "rate_limited"),
    (stripe.IdempotencyError, 400, None, None, "look_first", "key_reused"),
    (stripe.InvalidRequestError, 400, "resource_missing", "customer", "org", "customer_missing"),
    (stripe.InvalidRequestError, 404, "resource_missing", "invoice", "look_first", "invoice_missing"),
    (stripe.InvalidRequestError, 400, "customer_tax_location_invalid", None, "org", "address_unusable"),
    (stripe.InvalidRequestError, 400, "invoice_not_editable", None, "look_first", "already_further"),
    (stripe.InvalidRequestError, 400, None, "number", "org", "number_refused"),
    (stripe.InvalidRequestError, 400, "stripe_tax_inactive", None, "org", "tax_inactive"),
    (stripe.InvalidRequestError, 400, "livemode_mismatch", None, "org", "wrong_account"),
    (stripe.InvalidRequestError, 400, "parameter_unknown", "x", "org", "refused"),
    (stripe.InvalidRequestError, 404, None, None, "org", "not_found"),
    (stripe.InvalidRequestError, 400, None, None, "org", "refused"),
    (stripe.InvalidRequestError, 400, "invoice_no_payment_method_types", None, "org", "no_payment_method_types"),
    (stripe.InvalidRequestError, 400, "secret_key_required", None, "everyone", "bad_key"),
    (stripe.AuthenticationError, 401, "api_key_expired", None, "everyone", "bad_key"),
    (stripe.PermissionError, 403, None, None, "org", "no_permission"),
    (stripe.CardError, 402, "card_declined", None, "look_first", "payment_failed"),
]


@pytest.mark.parametrize(("error", "status", "code", "param", "kind", "name"), CASES)
def test_known_errors_have_their_kind_and_name(
    error: type[stripe.StripeError], status: int | None, code: str | None, param: str | None, kind: str, name: str
) -> None:
    failure = classify(raised(error, status, code, param=param))
    assert (failure.kind, failure.code) == (kind, name)


def test_only_what_is_about_the_key_itself_is_the_accounts() -> None:
    """Whatever else a refusal is called, it may be of one customer or one invoice."""
    at_once = {(rule.error, rule.name) for rule in TABLE if rule.kind == "everyone"}
    assert at_once == {(stripe.AuthenticationError, "bad_key"), (stripe.InvalidRequestError, "bad_key")}


@given(st.sampled_from([400, 403, 404]), st.none() | st.from_regex(r"[a-z_]{1,30}", fullmatch=True), st.data())
def test_no_unknown_refusal_is_taken_for_everybodys(status: int, code: str | None, data: st.DataObject) -> None:
    error = stripe.PermissionError if status == 403 else stripe.InvalidRequestError
    failure = classify(raised(error, status, code, param=data.draw(st.sampled_from([None, "customer", "lines"]))))
    assert failure.kind != "everyone"


@pytest.mark.parametrize(
    ("words", "kind", "name"),
    [
        ("You cannot combine currencies on a single customer. This customer has had ...", "org", "currency_clash"),
        (
            "Missing email. In order to create invoices that are sent to the customer, the customer must have a valid "
            "email.",
            "org",
            "email_missing",
        ),
        (
            "This invoice is already finalized, you can't re-finalize a non-draft invoice.",
            "look_first",
            "already_further",
        ),
        ("You can only delete draft invoices.", "look_first", "already_further"),
    ],
)
def test_a_refusal_without_a_code_is_known_by_its_words(words: str, kind: str, name: str) -> None:
    failure = classify(raised(stripe.InvalidRequestError, 400, message=words))
    assert (failure.kind, failure.code) == (kind, name)


@pytest.mark.parametrize(
    ("permission", "told"),
    [
        ("rak_invoice_write", "(permission rak_invoice_write, status 403)"),
        ("rak_accounts_kyc_basic_read", "(permission rak_accounts_kyc_basic_read, status 403)"),
        ("rak_<script>", "(status 403)"),
        (f"rak_{'x' * 200}", "(status 403)"),
    ],
)
def test_the_permission_that_a_restricted_key_lacks_is_told_and_no_more(permission: str, told: str) -> None:
    words = (
        "The provided key 'rk_live_***12345' does not have the required permissions for this endpoint on account "
        f"'acct_Annas'. Having the '{permission}' permission would allow this request to continue."
    )
    failure = classify(raised(stripe.PermissionError, 403, message=words))
    assert failure.message.endswith(f"API key {told}")


@pytest.mark.parametrize(("error", "status"), [(stripe.APIError, 500), (stripe.InvalidRequestError, 400)])
def test_a_replayed_failure_means_look_first(error: type[stripe.StripeError], status: int) -> None:
    failure = classify(raised(error, status, headers={"idempotent-replayed": "true", "stripe-should-retry": "true"}))
    assert failure.kind == "look_first"
    assert failure.replayed


def test_a_replayed_refusal_of_the_key_still_stops_everybody() -> None:
    replayed = {"idempotent-replayed": "true"}
    assert classify(raised(stripe.AuthenticationError, 401, headers=replayed)).kind == "everyone"


def test_stripes_advice_to_retry_is_followed_both_ways() -> None:
    yes, no = {"stripe-should-retry": "true"}, {"stripe-should-retry": "false"}
    assert classify(raised(stripe.InvalidRequestError, 400, headers=yes)).kind == "same_key"
    assert classify(raised(stripe.APIError, 500, headers=no)).kind == "look_first"
    throttled = {**no, "stripe-rate-limited-reason": "endpoint-rate"}
    assert classify(raised(stripe.RateLimitError, 429, headers=throttled)).kind == "same_key"


def test_headers_of_a_body_that_is_not_json_are_found_where_the_library_puts_them() -> None:
    headers = {"idempotent-replayed": "true", "request-id": "req_1"}
    failure = classify(stripe.APIError("Invalid response body from API: <html>", b"<html>", 502, headers))
    assert (failure.kind, failure.request_id) == ("look_first", "req_1")


def test_what_stripe_wrote_is_never_repeated() -> None:
    for error in library_classes():
        said = str(classify(raised(error, 400)))
        assert not re.search(r"Anna|sk_live", said)


def test_retry_after_is_taken_in_seconds() -> None:
    assert classify(raised(stripe.RateLimitError, 429, headers={"retry-after": "7"})).retry_after == 7
    assert classify(raised(stripe.RateLimitError, 429, headers={"retry-after": "Wed, 21 Oct"})).retry_after is None


@pytest.mark.parametrize("asked", ["99999999999", "9" * 5000, "301"])
def test_nobody_makes_us_wait_longer_than_is_reasonable(asked: str) -> None:
    waits = classify(raised(stripe.RateLimitError, 429, headers={"retry-after": asked})).retry_after
    assert waits == LONGEST_RETRY_AFTER


@pytest.mark.parametrize("asked", ["", "-1", "1e9", "inf", "nan", "٣", "1.5", "0x10", "²"])
def test_what_is_no_number_of_seconds_is_left_to_our_own_backoff(asked: str) -> None:
    assert classify(raised(stripe.RateLimitError, 429, headers={"retry-after": asked})).retry_after is None


@given(st.text(), st.text(), st.text())
def test_only_what_looks_like_a_name_of_stripes_is_repeated(code: str, param: str, request_id: str) -> None:
    failure = classify(raised(stripe.InvalidRequestError, 400, code, param=param, headers={"request-id": request_id}))
    assert failure.message.isprintable()
    assert len(failure.message) < 500
    assert failure.request_id is None or re.fullmatch(r"[\w.:\[\]-]{1,80}", failure.request_id, re.ASCII)

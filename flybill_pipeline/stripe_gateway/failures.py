"""From an exception of stripe-python to a `Failure`: which kind it is and what to say. The table is `failure_table`.

Stripe's own wording never becomes part of a failure: it may quote what we sent, so a name or a key could end up in a
log. Its request id does, and finds the wording in Stripe's log.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import stripe

from flybill_pipeline.billing.sync.breaker import NOT_REACHED
from flybill_pipeline.billing.sync.values import Failure, FailureKind
from flybill_pipeline.stripe_gateway.failure_rule import Rule
from flybill_pipeline.stripe_gateway.failure_table import TABLE

RATE_LIMIT_REASON = "stripe-rate-limited-reason"
FORBIDDEN = 403
"""The status of an answer to a key that may not do this."""
LONGEST_RETRY_AFTER = 300.0
"""Seconds that we wait because an answer asks for it; Stripe asks for a few."""
WORD = re.compile(r"[A-Za-z0-9_.:\[\]-]{1,80}")
"""A code, a parameter's name or a request id as Stripe writes them: what is none is not repeated."""
PERMISSION = re.compile(r"\brak_[a-z_]{1,60}\b")
"""A permission that a restricted key lacks, by the name that Stripe's answer has for it."""


def classify(error: stripe.StripeError) -> Failure:
    """The failure that `error` is. LookupError for a class that the table lacks: a test keeps it whole."""
    headers = headers_of(error)
    code = word(error.code) or word(getattr(error.error, "code", None))
    param = word(getattr(error, "param", None))
    replayed = headers.get("idempotent-replayed") == "true"
    rule = _rule(error, code, param)
    failure = Failure(
        kind=_kind(rule.kind, error, headers, replayed=replayed),
        code=rule.name,
        message=rule.message,
        remedy=rule.remedy,
        request_id=word(headers.get("request-id")),
        retry_after=_seconds(headers.get("retry-after")),
        replayed=replayed,
        status=error.http_status,
    )
    details = _details(None if failure.code == NOT_REACHED else code, param, _lacking(error), failure)
    return replace(failure, message=f"{failure.message}{details}")


def headers_of(error: stripe.StripeError) -> Mapping[str, str]:
    """The answer's headers. For a body that is not JSON the library puts them where the parsed body would be."""
    if error.headers:
        return error.headers
    misplaced = error.json_body
    return misplaced if isinstance(misplaced, Mapping) and "error" not in misplaced else {}


def wrong_livemode(*, live_key: bool, request_id: str | None) -> Failure:
    """The failure for an answer of the other mode than the key's."""
    mode = "live" if live_key else "test"
    return Failure(
        kind="everyone",
        code="livemode_mismatch",
        message=f"Stripe answered a {mode} key with an object of the other mode",
        remedy="Check STRIPE_API_KEY and STRIPE_API_BASE; nothing more was sent.",
        request_id=request_id,
    )


def customer_gone(request_id: str | None) -> Failure:
    """The failure for a customer that was deleted: reading it succeeds."""
    gone = stripe.InvalidRequestError("No such customer", "customer", code="resource_missing", http_status=404)  # type: ignore[no-untyped-call]
    return replace(classify(gone), request_id=request_id)


def tax_inactive(request_id: str | None) -> Failure:
    """The failure for an account whose tax settings are not complete: it is the same for every invoice."""
    error = stripe.InvalidRequestError("", None, code="stripe_tax_inactive")  # type: ignore[no-untyped-call]
    return replace(classify(error), kind="everyone", request_id=request_id)


def unreadable(request_id: str | None) -> Failure:
    """The failure for a successful answer that is not what the endpoint answers with."""
    return replace(classify(stripe.APIError("unreadable")), request_id=request_id)


def _rule(error: stripe.StripeError, code: str | None, param: str | None) -> Rule:
    says = str(error.user_message or "").lower()
    for rule in TABLE:
        if rule.matches(type(error), error.http_status, code, param, says):
            return rule
    raise LookupError(f"{type(error).__name__} is not in the failure table")


def _kind(kind: FailureKind, error: stripe.StripeError, headers: Mapping[str, str], *, replayed: bool) -> FailureKind:
    """The table's kind, overruled by what the headers say about this very answer."""
    if kind == "everyone":
        return kind
    if replayed:  # the stored end of an earlier attempt: the same key would only bring it back again
        return "look_first"
    advice = headers.get("stripe-should-retry")
    if advice == "true":
        return "same_key"
    if advice == "false" and kind == "same_key" and RATE_LIMIT_REASON not in headers:
        return "look_first"
    return kind


def _lacking(error: stripe.StripeError) -> Iterator[str]:
    """The permissions that the key lacks, as far as Stripe names them: of its words nothing else is repeated."""
    if error.http_status == FORBIDDEN:
        yield from dict.fromkeys(PERMISSION.findall(str(error.user_message or "")))


def _details(code: str | None, param: str | None, lacking: Iterable[str], failure: Failure) -> str:
    """`code` is Stripe's own."""
    parts = [f"code {code}" if code else "", f"parameter {param}" if param else ""]
    parts += [f"permission {each}" for each in lacking]
    parts.append(f"status {failure.status}" if failure.status else "")
    parts.append(failure.request_id or "")
    text = ", ".join(part for part in parts if part)
    return f" ({text})" if text else ""


def word(text: object) -> str | None:
    """A code, a parameter or an id as Stripe writes them; None for what is none, which is not repeated anywhere."""
    return text if isinstance(text, str) and WORD.fullmatch(text) else None


def _seconds(text: str | None) -> float | None:
    """Retry-After in seconds, within reason; a date is not worth parsing, our own backoff does instead."""
    if text is None or not re.fullmatch(r"[0-9]+", text):
        return None
    return min(float(text), LONGEST_RETRY_AFTER)

"""Stripe's error answers as exceptions. Belongs here: status, type, code and wording of each error. Does not:
deciding when one is due."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any


@dataclass(eq=False)
class StripeError(Exception):
    """One error answer of the API.

    began: whether an endpoint had begun to execute; only then does Stripe save the answer under the idempotency key.
    keeps_changes: the request failed but what it wrote stands (a declined payment is recorded).
    more: members of the answer that few errors have.
    """

    message: str
    _: KW_ONLY
    status: int = 400
    kind: str = "invalid_request_error"
    code: str | None = None
    param: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    began: bool = True
    keeps_changes: bool = False
    more: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """The JSON answer; absent members are left out, as Stripe does."""
        error: dict[str, Any] = {"message": self.message, "type": self.kind, **self.more}
        if self.code is not None:
            error["code"] = self.code
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        if self.param is not None:
            error["param"] = self.param
        return {"error": error}


class ParameterError(StripeError):
    """The parameters failed validation: nothing began, nothing is saved, and the oracle holds it against the client."""

    def __init__(self, message: str, *, param: str | None, code: str | None = None) -> None:
        super().__init__(message, code=code, param=param, began=False)


class KeyReusedError(StripeError):
    """An idempotency key came back with another request; the oracle holds it against the client."""

    def __init__(self, message: str) -> None:
        super().__init__(message, kind="idempotency_error", began=False)


def missing_param(name: str) -> ParameterError:
    """A required parameter is absent."""
    return ParameterError(f"Missing required param: {name}.", param=name, code="parameter_missing")


def unknown_params(names: list[str]) -> ParameterError:
    """Parameters that the endpoint does not have."""
    noun = "parameter" if len(names) == 1 else "parameters"
    return ParameterError(f"Received unknown {noun}: {', '.join(names)}", param=names[0], code="parameter_unknown")


def empty_param(name: str) -> ParameterError:
    """An empty string where a value cannot be unset."""
    return ParameterError(
        f"You passed an empty string for '{name}'. We assume empty values are an attempt to unset a parameter; however "
        f"'{name}' cannot be unset. You should remove '{name}' from your request or supply a non-empty value.",
        param=name,
        code="parameter_invalid_empty",
    )


def exclusive_params(names: list[str], *, param: str | None = None) -> ParameterError:
    """Parameters that exclude each other; `param` is the full name of the one to blame, by default the first."""
    return ParameterError(
        f"You may only specify one of these parameters: {', '.join(names)}.",
        param=param or names[0],
        code="parameters_exclusive",
    )


def no_such(noun: str, object_id: str, *, param: str, status: int = 400, other_mode: str | None = None) -> StripeError:
    """The object does not exist for this key; `other_mode` (test or live) when it does exist for the other kind."""
    message = f"No such {noun}: '{object_id}'"
    if other_mode:
        mine = "live" if other_mode == "test" else "test"
        message += (
            f"; a similar object exists in {other_mode} mode, but a {mine} mode key was used to make this request."
        )
    return StripeError(message, status=status, code="resource_missing", param=param)


def not_emulated(name: str) -> StripeError:
    """A real parameter whose effect on money is not emulated: refused, so that nobody trusts a wrong amount."""
    return StripeError(f"The emulator does not emulate '{name}'.", code="emulator_unsupported", param=name, began=False)


def unknown_url(method: str, path: str) -> StripeError:
    """No such endpoint."""
    return StripeError(
        f"Unrecognized request URL ({method}: {path}). If you are trying to list objects, remove the trailing slash. "
        "If you are trying to retrieve an object, make sure you passed a valid (non-empty) identifier in your code. "
        "Please see https://stripe.com/docs or we can help at https://support.stripe.com/.",
        status=404,
        began=False,
    )


def bad_api_key(key: str) -> StripeError:
    """No key, or one that Stripe does not know."""
    if not key:
        message = (
            "You did not provide an API key. You need to provide your API key in the Authorization header, using "
            "Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
        )
    else:
        message = f"Invalid API Key provided: {key[:8]}{'*' * 8}{key[-4:]}"
    return StripeError(message, status=401, began=False)


def no_permission(key: str) -> StripeError:
    """The key is known, and may not do this."""
    shown = f"{key[:8]}{'*' * 8}{key[-4:]}"
    message = f"The provided key '{shown}' does not have the required permissions for this endpoint."
    return StripeError(message, status=403, began=False)


def no_payment_method_types() -> StripeError:
    """There is no way to pay that fits the invoice's customer and currency."""
    return StripeError("This invoice has no valid payment method types.", code="invoice_no_payment_method_types")


def rate_limited(reason: str) -> StripeError:
    """Too many requests; `reason` is Stripe's: endpoint-rate or global-rate."""
    return StripeError(
        "Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits.",
        status=429,
        code="rate_limit",
        headers={"Stripe-Rate-Limited-Reason": reason},
        began=False,
    )


def lock_timeout() -> StripeError:
    """Another request holds the object; a 429 without a rate-limit reason, which Stripe asks to be retried."""
    return StripeError(
        "This object cannot be accessed right now because another API request or Stripe process is currently accessing "
        "it. If you see this error intermittently, retry the request. If you see this error frequently and are making "
        "multiple concurrent requests to a single object, make your requests serially or at a lower rate.",
        status=429,
        code="lock_timeout",
        headers={"Stripe-Should-Retry": "true"},
        began=False,
    )


def key_in_use(key: str) -> StripeError:
    """The first request with this key has not been answered yet."""
    return StripeError(
        "There is currently another in-progress request using this Idempotent Key (that probably means you submitted "
        f"twice, and the other request is still going through): {key}. Please try again later.",
        status=409,
        code="idempotency_key_in_use",
        began=False,
    )


def server_error() -> StripeError:
    """Stripe's own failure. Its answer is saved, so Stripe says that a retry would only meet it again."""
    return StripeError(
        "An unknown error occurred", status=500, kind="api_error", headers={"Stripe-Should-Retry": "false"}
    )


def unavailable() -> StripeError:
    """Stripe is down for the moment; nothing ran."""
    return StripeError("Stripe is temporarily unavailable.", status=503, kind="api_error", began=False)

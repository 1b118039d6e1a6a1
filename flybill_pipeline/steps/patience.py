"""Asking again when Stripe does not answer: for reading only, which changes nothing and so may be repeated."""

from collections.abc import Callable

from flybill_pipeline.billing.sync import Answer, Failure, T

ATTEMPTS = 6


def patiently(call: Callable[[], Answer[T] | Failure], sleep: Callable[[float], None]) -> Answer[T] | Failure:
    """The answer, asked for a few times: any passing failure may be tried again."""
    for attempt in range(ATTEMPTS):
        result = call()
        if isinstance(result, Answer) or result.kind in ("org", "everyone"):
            return result
        sleep(max(result.retry_after or 0.0, 0.5 * 2.0**attempt))
    return call()

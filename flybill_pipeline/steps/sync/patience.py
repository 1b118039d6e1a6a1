"""Asking again when Stripe does not answer: for reading only, which changes nothing and so may be repeated."""

from collections.abc import Callable

from flybill_pipeline.billing.sync.values import Answer, Failure, T

ATTEMPTS = 6


def patiently(
    call: Callable[[], Answer[T] | Failure], sleep: Callable[[float], None], attempts: int = ATTEMPTS
) -> Answer[T] | Failure:
    """The answer, asked for again up to `attempts` times (six: half a minute), unless a person must mend something."""
    for attempt in range(attempts):
        result = call()
        if isinstance(result, Answer) or result.kind in ("org", "everyone"):
            return result
        sleep(max(result.retry_after or 0.0, 0.5 * 2.0**attempt))
    return call()

"""Judges how a run of the sync goes: whether to hold, to go ahead one by one, or to stop everybody, durably.

Belongs here: conclusions from how the work on each invoice ended. Does not: the order of the work, calls.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from flybill_pipeline.billing.sync.breaker import SILENCE, Admission, Cause, OpenBreaker, opening
from flybill_pipeline.billing.sync.values import Failure
from flybill_pipeline.steps.sync.ports import BreakerStore
from flybill_pipeline.steps.sync.row import Clock, Ending

SAME_FAILURES = 5
"""So many orgs in a row refused for the same reason mean that the reason is not the org's."""
FEWEST_SAME, MOST_CALLS = 2, 7
"""While nothing got through, fewer will do once the run has made so many calls: one org more might make them eleven."""
HOLD_AFTER, LONGEST_HOLD = 5, 20.0
"""Failures in a row before the run pauses, and the longest pause in seconds."""


class Judge:
    """The conclusions of one run, drawn under the lock of its queue. `stopped` is why nothing more may be sent.

    `works` is how many invoices the run has to bring, `calls` says how many calls it has made, and `patience` is how
    long it goes on without a single success.
    """

    def __init__(
        self, store: BreakerStore, works: int, *, clock: Clock, patience: timedelta, calls: Callable[[], int]
    ) -> None:
        self._store, self._clock, self._calls = store, clock, calls
        self._works = works
        self._patience = patience
        admission = store.admit(clock()) if works else Admission(None)
        self.stopped = None if admission.probing else admission.breaker
        self._probed = admission.breaker if admission.probing else None
        self._proven = False
        self._in_a_row = 0
        self._last: Failure | None = None
        self._silent: set[str] = set()
        self._refused: list[str] = []
        self._last_success = self._hold_until = clock()

    def width(self, workers: int) -> int:
        """How many may work at once: one until an invoice is through, and while calls keep failing."""
        return workers if self._proven and self._in_a_row < HOLD_AFTER else 1

    def holding(self, now: datetime) -> bool:
        """Whether nothing new may begin just now."""
        return now < self._hold_until

    def succeeded(self) -> None:
        """A call succeeded: the run is alive."""
        self._last_success = self._clock()
        self._in_a_row = 0
        self._silent.clear()

    def failing(self) -> bool:
        """Whether no call has succeeded since the last failure."""
        return self._in_a_row > 0

    def gives_up(self, now: datetime) -> bool:
        """Whether it has lasted too long without a success; opens the breaker when Stripe seems to be down."""
        last = self._last if self._in_a_row else None
        silent = last is not None and last.code in SILENCE
        if now - self._last_success <= self._patience or (silent and self._in_a_row < HOLD_AFTER):
            return False  # one answer that did not come, however late that was noticed, is no outage
        if last is not None and silent and len(self._silent) >= min(2, self._works):
            self._stop("outage", last)
        return True

    def obey(self) -> None:
        """Stops when another process has opened the breaker."""
        if self._probed is None and self.stopped is None:
            self.stopped = self._store.state()

    def heard(self, org_id: str, ending: Ending) -> None:
        """Judges how the work on one org's invoice ended for now."""
        failure = ending.failure
        if _says_nothing(ending):
            return
        if self._probed is not None:
            if failure is not None and _still(self._probed, ending, failure):
                self.stopped = self._store.state() or self._probed
                return
            self._probed = None
            if ending.end != "stopped":
                self._store.close(self._clock())
        match ending.end:
            case "finalized" | "mismatch":
                self._proven = True
                self._refused.clear()
            case "stopped" if failure is not None:
                self._stop("refused", failure)
            case "blocked" if failure is not None:
                self._blocked(failure)
            case "waiting" if failure is not None:
                self._waiting(org_id, failure)

    def _blocked(self, failure: Failure) -> None:
        self._refused = [code for code in self._refused if code == failure.code] + [failure.code]
        same = len(self._refused)
        spent = not self._proven and same >= FEWEST_SAME and self._calls() >= MOST_CALLS
        if same >= SAME_FAILURES or spent:
            self._stop("refused", failure, same)

    def _waiting(self, org_id: str, failure: Failure) -> None:
        self._in_a_row += 1
        self._last = failure
        if failure.code in SILENCE:
            self._silent.add(org_id)
        if self._in_a_row >= HOLD_AFTER:
            seconds = min(0.5 * 2.0 ** (self._in_a_row - HOLD_AFTER), LONGEST_HOLD)
            self._hold_until = self._clock() + timedelta(seconds=seconds)

    def _stop(self, cause: Cause, failure: Failure, orgs: int = 1) -> None:
        if self.stopped is None:
            self.stopped = self._store.trip(opening(cause, failure, self._clock(), orgs))


def _says_nothing(ending: Ending) -> bool:
    """Whether Stripe was not asked: somebody else has it, the run ends, or a check of ours spoke before any call."""
    if ending.failure is None:
        return ending.end in ("already", "taken", "waiting")
    return ending.end == "blocked" and ending.failure.status is None


def _still(breaker: OpenBreaker, ending: Ending, failure: Failure) -> bool:
    """Whether a probe met what the breaker was opened for, or could not tell."""
    if ending.end == "waiting":
        return breaker.cause == "refused" or failure.code in SILENCE
    return breaker.cause == "refused" and failure.code == breaker.code

"""Judges how a run of the sync goes: whether to hold, to go ahead one by one, or to stop everybody, durably.

Belongs here: conclusions from how the work on each invoice ended. Does not: who is tried first (`suspects.py`), calls.
"""

from collections.abc import Sequence
from datetime import timedelta

from flybill_pipeline.billing.sync.breaker import SILENCE, SILENT, Admission, Cause, OpenBreaker, opening
from flybill_pipeline.billing.sync.values import Failure, SyncScope, SyncWork
from flybill_pipeline.steps.sync.options import RunOptions
from flybill_pipeline.steps.sync.ports import Ledger
from flybill_pipeline.steps.sync.row import Ending
from flybill_pipeline.steps.sync.suspects import Suspects

HOLD_AFTER, LONGEST_HOLD = 5, 20.0
"""Failures in a row before the run pauses, and the longest pause in seconds."""


class Judge:
    """The conclusions of one run, drawn under the lock of its queue. `stopped` is why nothing more may be sent."""

    def __init__(self, ledger: Ledger, scope: SyncScope, works: Sequence[SyncWork], options: RunOptions) -> None:
        self._store, self._clock, self._patience = ledger.breaker, options.clock, options.patience
        self.suspects = Suspects(ledger, scope, works)
        admission = self.suspects.admission(self._clock()) if works else Admission(None)
        self.stopped = None if admission.probing else admission.breaker
        self._probed = admission.breaker if admission.probing else None
        self._tries = min(self._probed.tries, max(1, self.suspects.fresh())) if self._probed else 0
        self._proven = False
        self._in_a_row = 0
        self._last: Failure | None = None
        self._silent: set[str] = set()
        self._last_success = self._hold_until = self._clock()

    def width(self, workers: int) -> int:
        """How many may work at once: one until an invoice is through, and while calls keep failing."""
        return workers if self._proven and self._in_a_row < HOLD_AFTER else 1

    def holding(self) -> bool:
        """Whether nothing new may begin just now. A longer pause than the longest is one of a clock that went back."""
        return timedelta(0) < self._hold_until - self._clock() <= timedelta(seconds=LONGEST_HOLD)

    def succeeded(self) -> None:
        """A step got further: the run is alive."""
        self._last_success = self._clock()
        self._in_a_row = 0
        self._silent.clear()

    def failing(self) -> bool:
        """Whether no call has succeeded since the last failure."""
        return self._in_a_row > 0

    def gives_up(self) -> bool:
        """Whether it has lasted too long without a success; opens the breaker when Stripe seems to be down."""
        last = self._last if self._in_a_row else None
        silent = last is not None and last.code in SILENCE
        self._last_success = min(self._last_success, self._clock())  # the clock may have been set back since
        if self._clock() - self._last_success <= self._patience or (silent and self._in_a_row < HOLD_AFTER):
            return False  # one answer that did not come, however late that was noticed, is no outage
        now = self._clock()
        if last is not None and silent and self.suspects.are_silent(self._silent, now, proven=self._proven):
            self._stop("outage", last)
        return True

    def obey(self) -> None:
        """Stops when another process has opened the breaker."""
        if self._probed is None and self.stopped is None:
            self.stopped = self._store.state(self._clock())

    def refused(self, failure: Failure) -> None:
        """The account cannot do for anybody what is asked of it: nothing is sent."""
        self._stop("refused", failure)

    def heard(self, org_id: str, ending: Ending) -> None:
        """Judges how the work on one org's invoice ended for now."""
        failure = ending.failure
        if _says_nothing(ending):
            return
        if self._probed is not None and self._still_stopped(self._probed, org_id, ending):
            return
        match ending.end:
            case "finalized" | "mismatch":
                self._proven = True
                self.succeeded()  # also what was only looked at, and found to be there
                self.suspects.passed(org_id)
            case "stopped" if failure is not None:
                self.suspects.failed([org_id], failure.code, self._clock())
                self._stop("refused", failure)
            case "blocked" if failure is not None:
                self._blocked(org_id, failure)
            case "waiting" if failure is not None:
                self._waiting(org_id, failure)

    def _still_stopped(self, probed: OpenBreaker, org_id: str, ending: Ending) -> bool:
        """Whether a probe met what the breaker was opened for, or could not tell. Else the breaker is closed.

        The run ends there, unless other orgs may be tried that nothing is known of.
        """
        failure = ending.failure
        if failure is None or not _still(probed, ending, failure):
            self._probed = None
            if ending.end != "stopped":
                self._store.close(self._clock())
            return False
        self._tries -= 1
        self.suspects.failed([org_id], SILENT if probed.cause == "outage" else failure.code, self._clock())
        if ending.end == "blocked":
            alike = self.suspects.alike(failure.code)
            self._store.trip(opening("refused", failure, self._clock(), max(len(alike), probed.orgs)), alike)
        if self._tries <= 0 or ending.end == "waiting":
            self.stopped = self._store.state(self._clock()) or probed
        return True

    def _blocked(self, org_id: str, failure: Failure) -> None:
        if self.suspects.is_its_own(org_id, failure.code):
            return
        self.suspects.failed([org_id], failure.code, self._clock())
        if self.suspects.are_everybody(failure.code):
            self._stop("refused", failure, sorted(self.suspects.alike(failure.code)))

    def _waiting(self, org_id: str, failure: Failure) -> None:
        self._in_a_row += 1
        self._last = failure
        if failure.code in SILENCE:
            self._silent.add(org_id)
        if self._in_a_row >= HOLD_AFTER:
            seconds = min(0.5 * 2.0 ** (self._in_a_row - HOLD_AFTER), LONGEST_HOLD)
            self._hold_until = self._clock() + timedelta(seconds=seconds)

    def _stop(self, cause: Cause, failure: Failure, orgs: Sequence[str] = ()) -> None:
        if self.stopped is None:
            breaker = opening(cause, failure, self._clock(), max(1, len(orgs)))
            self.stopped = self._store.trip(breaker, orgs)


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

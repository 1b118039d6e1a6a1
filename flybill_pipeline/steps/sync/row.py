"""One durable row in a worker's hands: fenced writes, and how the work on it ends. Not what is being sent."""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Literal, TypeAlias

from flybill_pipeline.billing.sync.values import AT_REST, Answer, Failure, Progress, T
from flybill_pipeline.billing.words.english import english
from flybill_pipeline.billing.words.sync import failure_words
from flybill_pipeline.steps.sync.ports import Rows
from flybill_pipeline.steps.sync.sent_keys import KEY_LIFETIME, SentKeys
from flybill_pipeline.steps.sync.tally import Tally

LATELY = timedelta(minutes=10)
"""So long after a call a copy at Stripe is taken to be as that call left it."""
LOOK, REPAIR = "look", "repair"
"""The step of a row whose next call is a look at what Stripe has; `repair` when a person asked for it."""
LOOKING = (LOOK, REPAIR)
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 30.0
"""Between two attempts of one row."""
UNAUTHORIZED = 401
"""The status of an answer to a key that Stripe does not take: it comes before anything is looked at."""
_NEVER_SENT = dict.fromkeys(("step", "step_key", "step_first_sent_at", "first_sent_at", "sent_after"))
_NO_FAILURE = dict.fromkeys(
    ("error_kind", "error_code", "error_message", "error_remedy", "error_customer_message", "next_attempt_at")
)

Clock: TypeAlias = Callable[[], datetime]
End: TypeAlias = Literal["finalized", "already", "waiting", "blocked", "mismatch", "stopped", "taken"]


@dataclass(frozen=True, slots=True)
class Ending:
    """How the work on one row ended for now.

    `until` is when a waiting one may be tried again, `waits` how often it has waited since a call last succeeded.
    """

    end: End
    failure: Failure | None = None
    until: datetime | None = None
    waits: int = 0


class Pause(Exception):  # noqa: N818 - ends the work on a row, is no error, and never leaves the steps
    """The work on this row ends here for now."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.end)
        self.ending = ending


class Doubt(Enum):
    """Why what Stripe has must be looked at, and with it what may be sent afterwards."""

    PLACE = "the row has lost its place, or was sent for other terms: new keys"
    REPLAYED = "the stored end of an earlier attempt: its key would only bring it back, so new keys"
    AGE = "the key was sent by somebody else, nobody knows when: what is not there is sent again under it"
    CONTENT = "the key was sent with another content: new keys, but not before that cannot be executed any more"

    @property
    def keys_stand(self) -> bool:
        """Whether the old keys hold until the look has shown what is there."""
        return self in (Doubt.AGE, Doubt.CONTENT)


class LookFirst(Exception):  # noqa: N818 - the same
    """What Stripe has is not known; nothing may be sent under a new key before it is."""

    def __init__(self, doubt: Doubt) -> None:
        super().__init__(doubt.value)
        self.doubt = doubt


class RunContext:
    """What all rows of one run share. `stopping` says whether it has been stopped: then no further call is sent.

    `stripe_time` is Stripe's clock in the newest answer, None before the first; `keys` are those that the run has sent.
    """

    def __init__(
        self,
        clock: Clock,
        tally: Tally,
        stopping: Callable[[], bool] = lambda: False,
        stripe_time: Callable[[], datetime | None] = lambda: None,
    ) -> None:
        self.clock, self.tally, self.stopping, self.stripe_time = clock, tally, stopping, stripe_time
        self.keys = SentKeys(clock)


class DurableRow:
    """The row of one thing on its way to Stripe, held by one worker of a run.

    `waits` is how often it has waited since a call last succeeded. When the row moved on in another worker's hands,
    every method raises Pause.
    """

    def __init__(self, rows: Rows, row_id: str, progress: Progress, run: RunContext, *, waits: int = 0) -> None:
        self._rows = rows
        self._id = row_id
        self._run, self._clock, self._tally = run, run.clock, run.tally
        self._waits = waits
        self._looks = 0
        self._seen_missing: str | None = None
        self._pending: dict[str, object] = {}
        self.progress = progress

    def sent_lately(self) -> bool:
        """Whether this run sent the last step, so recently that Stripe's copy need not be looked at again."""
        return self._run.keys.sent_within(self.progress.step_key, LATELY)

    def may_send_again(self) -> None:
        """A look has shown that what was sent is not there: it may go out once more under the same key.

        That is safe however old the key is. If Stripe knows it still, it answers as it did; if it does not, what was
        sent under it is long over, and left nothing.
        """
        self._seen_missing = self.progress.step_key

    def may_still_be_executed(self) -> bool:
        """Whether what was sent last may be under way at Stripe, though nobody waits for its answer any more."""
        key = self.progress.step_key
        return key is not None and self._run.keys.may_still_be_executed(key)

    def new_keys(self, step: str | None) -> None:
        """Commits a new generation: no key of an older one is ever sent again."""
        self._run.keys.forget(self.progress.step_key)
        self.commit(step=step, step_key=None, generation=self.progress.generation + 1)

    def send(self, step: str, key: str, call: Callable[[str], Answer[T] | Failure], **changes: object) -> T:
        """Sends one step under its key, which is committed first, and `changes` with it.

        Raises LookFirst or Pause unless it succeeds.
        """
        self._require_running()
        self._require_certainty(step, key)
        self._pending |= changes
        first = self.progress.first_sent_at is None
        if first:
            self._pending["sent_after"] = self._run.stripe_time()
        attempts, pending = self.progress.attempts, self._take_pending()
        self._keep(self._rows.mark_sending(self._id, attempts, step, key, self._clock(), pending))
        self._run.keys.sends(key)
        result = self._tally.counted(call(key))
        if isinstance(result, Answer):
            self._waits = 0
            self._tally.on_success()
            return result.value
        if result.kind == "look_first":
            raise LookFirst(Doubt.REPLAYED)
        if first and result.status == UNAUTHORIZED:  # nothing was done: as if it had never been sent
            self._run.keys.forget(key)
            self._pending |= _NEVER_SENT
        raise self.failed(result)

    def ask(self, result: Answer[T] | Failure) -> T:
        """The value of a call that may simply be repeated later, and for now raises Pause if it failed."""
        self._looks += 1
        result = self._tally.counted(result)
        if isinstance(result, Answer):
            return result.value
        raise self.failed(result)

    def ask_for(self, result: Answer[T] | Failure, *expected: str) -> T | None:
        """As `ask`, for something that may not be possible: None when the failure has one of these codes."""
        if isinstance(result, Failure) and result.code in expected:
            self._looks += 1
            self._tally.counted(result)
            return None
        return self.ask(result)

    def commit(self, **changes: object) -> None:
        """Commits what became of the row; an earlier failure is forgotten."""
        if changes.get("state") in AT_REST:
            self._run.keys.forget(self.progress.step_key)
        self._write({**_NO_FAILURE, **changes})

    def commit_with_next(self, **changes: Any) -> None:
        """As `commit`, for a row that goes on at once: committed with the next write, mostly the mark of the next step.

        A crash in between loses nothing: the row still says what was sent, and its key brings the same answer again.
        """
        self._pending |= {**_NO_FAILURE, **changes}
        known = {name: value for name, value in changes.items() if hasattr(self.progress, name)}
        self.progress = replace(self.progress, **known)

    def failed(self, failure: Failure) -> Pause:
        """Commits the failure and returns the Pause to raise: blocked for the org's, waiting or stopped for others."""
        if failure.kind == "org":
            return self.ends_as("blocked", failure)
        if failure.kind == "everyone":
            self._write(_words("everyone", failure) | {"next_attempt_at": None})
            return Pause(Ending("stopped", failure))
        until = self._clock() + timedelta(seconds=self._backoff(failure))
        self._write(_words("transient", failure) | {"next_attempt_at": until})
        return Pause(Ending("waiting", failure, until, self._waits + 1))

    def ends_as(self, state: Literal["blocked", "mismatch"], failure: Failure, **changes: object) -> Pause:
        """Commits that a person must mend this row, `changes` with it, and returns the Pause to raise."""
        words = _words("org" if state == "blocked" else state, failure)
        self._write({**words, "state": state, "next_attempt_at": None, **changes})
        return Pause(Ending(state, failure))

    def _require_certainty(self, step: str, key: str) -> None:
        """Raises LookFirst when this step was sent before and it is not certain that its key may be sent again."""
        sent = self.progress.step_key
        if sent is None or step != self.progress.step:
            return
        if sent != key:
            raise LookFirst(Doubt.CONTENT)
        if key != self._seen_missing and not self._run.keys.sent_within(key, KEY_LIFETIME):
            raise LookFirst(Doubt.AGE)

    def _require_running(self) -> None:
        if self._run.stopping():
            if self._pending:
                self._write({})
            raise Pause(Ending("waiting"))

    def _write(self, changes: Mapping[str, object]) -> None:
        looks, self._looks = self._looks, 0
        written = {**self._take_pending(), **changes}
        if (stripe_time := self._run.stripe_time()) is not None:
            written["heard_at"] = stripe_time
        self._keep(self._rows.commit(self._id, self.progress.attempts, written, self._clock(), looks=looks))

    def _take_pending(self) -> Mapping[str, object]:
        pending, self._pending = self._pending, {}
        return pending

    def _keep(self, progress: Progress | None) -> None:
        if progress is None:
            raise Pause(Ending("taken"))
        self.progress = progress

    def _backoff(self, failure: Failure) -> float:
        """Seconds: doubling, up to half of it taken off by a hash so that rows do not come back together."""
        spread = 0.5 + zlib.crc32(f"{self._id}:{self.progress.attempts}".encode()) / 2**33
        return max(
            failure.retry_after or 0.0, spread * min(FIRST_WAIT_SECONDS * 2.0**self._waits, LONGEST_WAIT_SECONDS)
        )


def _words(kind: str, failure: Failure) -> dict[str, object]:
    return {
        "error_kind": kind,
        "error_code": failure.code,
        "error_message": failure.message,
        "error_remedy": failure.remedy,
        "error_customer_message": english(failure_words(failure.code)),
        "request_id": failure.request_id,
    }

"""When calls to Stripe are stopped for everybody, for how long, and what is said then. No clock, no SQL, no calls.

The breaker is opened by an outage (Stripe does not answer) or by a refusal: of the key, where one answer is enough to
know, or of several different orgs for one reason, with nobody in between who got through. While it is open one invoice
is tried from time to time, and never first that of the org that failed last; one that gets through closes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from flybill_pipeline.billing.sync.values import Failure

Cause: TypeAlias = Literal["outage", "refused"]

WAITS = {
    "outage": (timedelta(seconds=30), timedelta(minutes=15)),
    "refused": (timedelta(minutes=15), timedelta(hours=6)),
}
"""How long to wait before the first probe, doubling up to the second. A refusal ends with a person's doing: a new key,
or a close that a person starts, is tried at once."""
NOT_REACHED = "not_reached"
"""The code of failures of the way to Stripe: nothing was sent."""
SILENCE = frozenset({"no_answer", "stripe_error", NOT_REACHED})
"""The codes of failures that may mean that Stripe is down, or cannot be reached from here."""
SILENT = "silent"
"""The code under which an org is remembered that Stripe did not answer for."""
SEVERAL = 5
"""So many orgs that were refused for one reason mean that the reason is not theirs; fewer where the month has fewer."""
FEWEST = 2
"""One org alone is never everybody."""
MOST_TRIES = 4096
"""Orgs that one probe may go through at most, however often it was refused before."""


@dataclass(frozen=True, slots=True)
class OpenBreaker:
    """Why no calls are made. `probes` is how many failed, `next_probe_at` when the next one may be.

    `orgs` is how many different ones were refused for this reason; 1 where one answer is enough to know.
    """

    cause: Cause
    code: str
    message: str
    remedy: str
    request_id: str | None
    opened_at: datetime
    next_probe_at: datetime
    probes: int
    orgs: int = 1

    @property
    def sentence(self) -> str:
        """What an operator is told now."""
        return f"{self.standing[:-1]}; one is tried at {_moment(self.next_probe_at)}."

    @property
    def standing(self) -> str:
        """The same without the next try: what stays so as long as no calls are made."""
        return f"{self.message} No calls are made since {_moment(self.opened_at)}."

    def bounded(self, now: datetime) -> "OpenBreaker":
        """The same, due now where it was to rest for longer than it ever does: the clock was ahead when it was set."""
        if self.next_probe_at - now <= WAITS[self.cause][1]:
            return self
        return replace(self, next_probe_at=now, opened_at=min(self.opened_at, now))

    @property
    def tries(self) -> int:
        """How many orgs that were not refused yet a probe may go through: twice as many each time.

        Where some orgs are refused and others are not, those who are not are so met within few probes.
        """
        return min(2 ** min(self.probes, 20), MOST_TRIES) if self.orgs > 1 else 1


@dataclass(frozen=True, slots=True)
class Failing:
    """The last failure of an org that may be everybody's. `others_passed`: another org got through since.

    What happens to the org again, after others have passed, is its own.
    """

    code: str
    failed_at: datetime
    others_passed: bool = False


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a run may call Stripe: freely (`breaker` None), for one invoice as the probe, or not at all."""

    breaker: OpenBreaker | None
    probing: bool = False


def wait_before_probe(cause: Cause, probes: int) -> timedelta:
    """How long after the last call the next probe is due, after this many that failed."""
    first, longest = WAITS[cause]
    wait: timedelta = min(first * 2 ** min(probes, 20), longest)
    return wait


def opening(cause: Cause, failure: Failure, now: datetime, orgs: int = 1) -> OpenBreaker:
    """The breaker as `failure` opens it; so many `orgs` were refused for the same reason, and none got through."""
    if failure.code == NOT_REACHED:
        message, remedy = _ended(failure.message), f"{failure.remedy} The sync goes on by itself then."
    elif cause == "outage":
        message = "Stripe does not answer."
        remedy = "Nothing: the sync goes on by itself when it does; https://status.stripe.com tells more."
    elif orgs > 1:
        message = f"Stripe refused {orgs} organizations for the same reason. {_ended(failure.message)}"
        remedy = f"{failure.remedy} They are tried again by themselves once one gets through."
    else:
        message, remedy = _ended(failure.message), failure.remedy
    due = now + wait_before_probe(cause, 0)
    return OpenBreaker(cause, failure.code, message, remedy, failure.request_id, now, due, 0, orgs)


def alike(failing: Mapping[str, Failing], code: str) -> set[str]:
    """The orgs that fail for one reason, with nobody else who got through in between."""
    return {org for org, each in failing.items() if each.code == code and not each.others_passed}


def is_everybodys(failing: Mapping[str, Failing], code: str, orgs_of_month: int) -> bool:
    """Whether a reason is not that of the orgs that it was given for: several, or all that there are, and no other way.

    Orgs that were refused for the same reason while others passed show that it can be an org's own. So as many more are
    needed: where a part of all orgs is refused, it takes few times until the others are through.
    """
    own = sum(each.code == code and each.others_passed for each in failing.values())
    return len(alike(failing, code)) >= max(FEWEST, min(SEVERAL, orgs_of_month)) + own


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith(".") else f"{sentence}."

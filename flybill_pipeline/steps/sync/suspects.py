"""The orgs whose last failure may be everybody's: who they are, who is tried before them. Opens and closes nothing."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from flybill_pipeline.billing.sync.breaker import FEWEST, SILENT, Admission, Failing, OpenBreaker, alike, is_everybodys
from flybill_pipeline.billing.sync.values import SyncScope, SyncWork
from flybill_pipeline.steps.sync.ports import Ledger

NEVER = datetime.min.replace(tzinfo=UTC)


class Suspects:
    """The failing orgs, as one run sees them, which works on `works` of the month of `scope`."""

    def __init__(self, ledger: Ledger, scope: SyncScope, works: Sequence[SyncWork]) -> None:
        self._ledger, self._scope = ledger, scope
        self._orgs = {work.org_id for work in works}
        self._failing = dict(ledger.breaker.failing()) if works else {}

    def failed_at(self, org_id: str) -> datetime:
        """When the org failed last: who never did is tried first, who failed just now last of all."""
        known = self._failing.get(org_id)
        return NEVER if known is None else known.failed_at

    def fresh(self) -> int:
        """How many orgs of the run did not fail yet."""
        return len(self._orgs - self._failing.keys())

    def admission(self, now: datetime) -> Admission:
        """Whether the run may call. A probe is left to another run where this one has nothing but what failed last;
        unless a person asks for just these orgs.
        """
        breaker = self._ledger.breaker.state(now)
        if breaker is not None and self._scope.org_ids is None and self._others_first(breaker):
            return Admission(breaker)
        return self._ledger.breaker.admit(now)

    def passed(self, org_id: str) -> None:
        """The org got through: what the others failed of is not everybody's."""
        if not self._failing:
            return
        self._failing.pop(org_id, None)
        if any(not each.others_passed for each in self._failing.values()):
            self._failing = {
                org: Failing(each.code, each.failed_at, others_passed=True) for org, each in self._failing.items()
            }
        self._ledger.breaker.passed(org_id)

    def failed(self, org_ids: Collection[str], code: str, now: datetime) -> None:
        """The orgs failed with this code."""
        self._ledger.breaker.failed(org_ids, code, now)
        self._failing |= dict.fromkeys(org_ids, Failing(code, now))

    def is_its_own(self, org_id: str, code: str) -> bool:
        """Whether the org was refused with this code before, and others have passed since."""
        known = self._failing.get(org_id)
        return known is not None and known.code == code and known.others_passed

    def alike(self, code: str) -> set[str]:
        """The orgs that fail for one reason, with nobody else who got through in between."""
        return alike(self._failing, code)

    def are_everybody(self, code: str) -> bool:
        """Whether the orgs that fail alike show that the reason is not theirs."""
        return is_everybodys(self._failing, code, sum(self._ledger.states(self._scope.month, None, None).values()))

    def are_silent(self, org_ids: Collection[str], now: datetime, *, proven: bool) -> bool:
        """Whether Stripe is silent for everybody, as it is for these orgs: for two, or for the only one that waits.

        `proven`: the run has brought others through, so that one alone shows nothing.
        """
        if not org_ids:
            return False
        self.failed(org_ids, SILENT, now)
        return len(self.alike(SILENT)) >= (FEWEST if proven else min(FEWEST, len(self._waiting())))

    def _waiting(self) -> set[str]:
        """All orgs whose invoice of the month is not at rest."""
        return {work.org_id for work in self._ledger.open_work(self._scope.month, None, None)}

    def _others_first(self, breaker: OpenBreaker) -> bool:
        """Whether orgs of other shards are tried before those of this one: where orgs were refused one after another,
        who never was, or longest ago; else anybody but who failed last.
        """
        waiting = self._waiting()
        if breaker.orgs > 1:
            return min(map(self.failed_at, waiting), default=NEVER) < min(map(self.failed_at, self._orgs))
        latest = max((each.failed_at for each in self._failing.values()), default=NEVER)
        last = {org for org, each in self._failing.items() if each.failed_at == latest}
        return self._orgs <= last and not waiting <= last

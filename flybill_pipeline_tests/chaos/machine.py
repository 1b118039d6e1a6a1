"""The sync as a state machine for hypothesis: one month, arbitrary faults, crashes, days and people. No pytest here.

Everything is repeatable: one worker, a clock that only moves when told, and requests that Stripe executes late are
held until time passes. After every step nothing wrong may be finalized; at the end all of it must come through.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine, select

from flybill_pipeline.stores.invoicing.tables import invoices
from flybill_pipeline.stores.sync.ledger import SyncLedger
from flybill_pipeline.stripe_emulator.faults import KINDS
from flybill_pipeline_tests.chaos.bugs import NO_BUG, Bug
from flybill_pipeline_tests.chaos.crashes import Boundaries, Crash, crashing
from flybill_pipeline_tests.chaos.mischief import OFF
from flybill_pipeline_tests.chaos.months import MONTH, plant
from flybill_pipeline_tests.chaos.people import FINAL, People
from flybill_pipeline_tests.chaos.world import World
from flybill_pipeline_tests.worlds.databases import Databases
from flybill_pipeline_tests.worlds.emulator import EmulatorProcess

WRITES = ("create_customer", "update_customer", "create", "add_lines", "finalize")
READS = ("list", "retrieve", "list_customers", "lines", "delete")
AMBIGUOUS = ("reset_after", "cut_body", "late_commit", "http_500_after")
"""No or no honest answer, though it was done: what a wrong design trips over."""
LATE = 5.0
"""Seconds of waiting after which Stripe has executed what it had not."""
MOST_CALLS = 14
"""Calls that an invoice may still cost once all is well again: a look at each step, three chunks, a new start."""
MOST_INVOICES = 4
BOUNDARY = st.integers(0, 25)
"""A new invoice of two chunks of an org without a customer has 24 sides of calls; the rest are the next one's."""

MEDDLING = ("void", "delete", "pay", "finalize", "add a line", "remove a line", "edit")
BY_HAND = ("empty_invoice", "wrong_subtotal", "wrong_line_count")
"""What an invoice is blamed for that somebody else made final."""


def _fault(endpoint: str, nth: int, kind: str) -> dict[str, Any]:
    return {"match": {"endpoint": endpoint, "nth": nth}, "fault": kind}


lost_answers = st.builds(_fault, st.sampled_from(WRITES), st.just(1), st.sampled_from(AMBIGUOUS))
any_fault = st.builds(_fault, st.sampled_from(WRITES + READS), st.integers(1, 2), st.sampled_from(sorted(KINDS)))
faults = st.lists(lost_answers | any_fault, max_size=4)


class StillWorld(World):
    """A world whose time stands still unless somebody waits."""

    def __init__(self, engine: Engine, emulator: EmulatorProcess) -> None:
        super().__init__(engine, emulator)
        self._waited = 0.0

    def time(self) -> datetime:
        return self.born + self.skipped

    def sleep(self, seconds: float) -> None:
        self.skipped += timedelta(seconds=seconds)
        self._waited += seconds
        if self._waited >= LATE:
            self._waited = 0.0
            self.emulator.release()


class SyncMachine(RuleBasedStateMachine):
    """`worlds` opens an empty world for an example; `bug` is planted into every run of the sync.

    With `telling` a run may also die at what is committed of telling a customer.
    """

    worlds: ClassVar[Callable[[], AbstractContextManager[StillWorld]]]
    bug: ClassVar[Bug] = NO_BUG
    telling: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self._opened = type(self).worlds()
        self.world = self._opened.__enter__()
        self.people = People(self.world.engine, self.world.stripe())
        self.planted = 0

    @initialize(lines=st.sampled_from([1, 3, 120]))
    def first_invoice(self, lines: int) -> None:
        self.new_invoice(lines)

    @precondition(lambda self: self.planted < MOST_INVOICES)
    @rule(lines=st.sampled_from([1, 3, 120, 260]))
    def new_invoice(self, lines: int) -> None:
        plant(self.world.engine, 1, lines=lines, first=self.planted)
        self.planted += 1

    @rule(plan=faults, crash=st.none() | BOUNDARY, other=st.none() | BOUNDARY)
    def sync(self, plan: list[dict[str, Any]], crash: int | None, other: int | None) -> None:
        """A run among faults, which dies at one boundary and meets a second pipeline's run at another."""

        def at(boundary: int) -> bool:
            if boundary == other:
                self._run()
            return boundary == crash

        self.world.emulator.faults([{**entry, **_seconds(entry["fault"])} for entry in plan])
        with suppress(Crash):
            self._run(Boundaries(at))
        self.world.emulator.clear_faults()

    @rule(lines=st.sampled_from([1, 120]), crash=BOUNDARY, hours=st.sampled_from([0, 30]))
    def sync_dies(self, lines: int, crash: int, hours: int) -> None:
        """A healthy run with something new to do dies, and it takes `hours` until anybody notices."""
        if self.planted < MOST_INVOICES:
            self.new_invoice(lines)
        with suppress(Crash):
            self._run(Boundaries(lambda boundary: boundary == crash))
        if hours:
            self.world.pass_hours(hours)

    @rule(hours=st.sampled_from([1, 12, 23, 24, 60]))
    def time_passes(self, hours: int) -> None:
        self.world.pass_hours(hours)

    @rule(which=st.integers(0, 9), how=st.sampled_from(MEDDLING))
    def somebody_meddles(self, which: int, how: str) -> None:
        if invoices := self.people.invoices():
            self.people.meddle(invoices[which % len(invoices)], how)

    @rule(which=st.integers(0, 9), how=st.sampled_from(["delete", "link", "link in another currency"]))
    def customer_changes(self, which: int, how: str) -> None:
        org_id = f"org{which % self.planted:05d}"
        if how == "delete":
            self.people.delete_customer(org_id)
        else:
            self.people.link(org_id, "eur" if "currency" in how else None)

    @rule(
        which=st.integers(0, 9),
        what=st.sampled_from([timedelta(0), *OFF])
        | st.sampled_from(["wipe all", "wipe our id", "overwrite"])
        | st.sampled_from([None, 14, 30]),
    )
    def world_changes(self, which: int, what: timedelta | str | int | None) -> None:
        """Our clock jumps, somebody overwrites an invoice's metadata, or an org gets other terms and another name."""
        if isinstance(what, timedelta):
            self.world.skew = what
        elif isinstance(what, str):
            if listed := self.people.invoices():
                self.people.edit(listed[which % len(listed)], what)
        else:
            self.people.change_terms(f"org{which % self.planted:05d}", what)

    @rule()
    def repair(self) -> None:
        with SyncLedger(self.world.engine) as ledger:
            ledger.reopen(MONTH, list(self.people.links()))

    @invariant()
    def nothing_wrong_is_finalized(self) -> None:
        assert [each for each in self.world.emulator.report()["violations"] if not self._is_peoples(each)] == []

    def _is_peoples(self, violation: dict[str, Any]) -> bool:
        """Whether a draft only lies there, or people made final what is wrong, or withdrew several such."""
        by_hand = violation["rule"] in BY_HAND and self.people.finalized.issuperset(violation["ids"])
        withdrawn = violation["rule"] == "duplicate_invoice" and violation["message"].endswith(" withdrawn")
        return violation["rule"] == "stale_draft" or by_hand or withdrawn

    def teardown(self) -> None:
        try:
            self._all_comes_through()
        finally:
            self._opened.__exit__(None, None, None)

    def _all_comes_through(self) -> None:
        """With everything well again, each invoice is there once, within few calls, and then there is nothing to do."""
        self.world.emulator.release()
        self.people.mend_links()
        before = self._calls()
        for _ in range(3):
            self.people.settle(self._amounts())
            self.repair()
            self._run()
        assert self._calls() - before <= MOST_CALLS * self.planted
        settled = self._calls()
        report = self._run()
        assert report.complete, report.failures
        assert self._calls() == settled
        self.nothing_wrong_is_finalized()
        self._compare()

    def _compare(self) -> None:
        """Stripe's list against ours: one of each, unless a person voided it; and no draft of ours is left.

        An invoice is known by its amount, which no other has: its metadata may be gone.
        """
        listed = self.people.invoices()
        drafts = [invoice for invoice in listed if invoice["status"] == "draft"]
        ours = [draft for draft in drafts if draft["metadata"].get("flybill_invoice_id") and not draft["from_invoice"]]
        assert ours == []
        amounts = self._amounts()
        final = [invoice["subtotal"] for invoice in listed if invoice["status"] in FINAL]
        voided = [invoice["subtotal"] for invoice in listed if invoice["status"] == "void"]
        for amount in amounts:
            assert final.count(amount) == 1 or (amount not in final and amount in voided)
        assert len(set(amounts)) == len(amounts)

    def _amounts(self) -> list[int]:
        with self.world.engine.connect() as connection:
            return list(connection.execute(select(invoices.c.subtotal_minor)).scalars())

    def _run(self, boundaries: Boundaries | None = None) -> Any:
        ports = crashing(boundaries, self.bug, telling=self.telling) if boundaries else self.bug.ports()
        return self.world.sync(**ports, workers=1, patience=30.0)

    def _calls(self) -> int:
        return sum(self.world.emulator.report()["requests"].values())


def _seconds(kind: str) -> dict[str, float]:
    """Late commits wait to be released; a slow answer is slow enough to be one."""
    return {"seconds": {"late_commit": 3600.0, "slow": 0.01}[kind]} if kind in ("late_commit", "slow") else {}


class Worlds:
    """Empty worlds, one for each example, on databases and an emulator that are lent again."""

    def __init__(self, databases: Databases, emulator: EmulatorProcess) -> None:
        self._databases = databases
        self._emulator = emulator

    @contextmanager
    def __call__(self) -> Iterator[StillWorld]:
        self._emulator.reset()
        with self._databases.lent() as engine:
            yield StillWorld(engine, self._emulator)


def tell_stories(
    worlds: Worlds, examples: int, *, steps: int, bug: Bug = NO_BUG, telling: bool = False, **options: Any
) -> None:
    """Runs so many stories of so many steps; raises what the first bad one raised, with the story."""
    machine = type("Machine", (SyncMachine,), {"worlds": worlds, "bug": bug, "telling": telling})
    patient = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(
        machine, settings=settings(patient, max_examples=examples, stateful_step_count=steps, **options)
    )

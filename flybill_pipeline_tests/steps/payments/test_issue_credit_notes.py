"""Credit notes get to Stripe exactly once: whatever Stripe answers, wherever the process dies, whoever is at it."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from flybill_pipeline.billing.payments.credit_notes import CreditRefusedError, CreditRequest
from flybill_pipeline.billing.sync.values import Answer
from flybill_pipeline.stores.payments.credit_notes import CreditNotes
from flybill_pipeline.stores.sync.credit_tables import stripe_credit_notes
from flybill_pipeline_tests.chaos.bugs import NO_BUG, Bug, NewKeyAfterTimeout, RandomKeys, WrittenAfterTheCall
from flybill_pipeline_tests.chaos.crashes import Boundaries, Crash
from flybill_pipeline_tests.chaos.months import MONTH
from flybill_pipeline_tests.steps.payments.credit_desk import LINE, ORG, Desk

WAYS: dict[str, list[dict[str, Any]]] = {
    "healthy": [],
    "answered 500, was done": [{"match": {"endpoint": "create_credit_note", "nth": 1}, "fault": "http_500_after"}],
    "answered 500, not done": [{"match": {"endpoint": "create_credit_note", "nth": 1}, "fault": "http_500_before"}],
    "never answered, was done": [{"match": {"endpoint": "create_credit_note", "nth": 1}, "fault": "reset_after"}],
    "done late": [{"match": {"endpoint": "create_credit_note", "nth": 1}, "fault": "late_commit", "seconds": 0.1}],
}
FAULTS = (
    "reset_before",
    "reset_after",
    "http_500_after",
    "late_commit",
    "lock_timeout",
    "lock_timeout_cached",
    "key_in_use",
    "rate_limited",
    "http_503",
    "cut_body",
    "html_502",
)


class Blind:
    """A look that never finds anything."""

    def __init__(self, port: Any) -> None:
        self._port = port

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)

    def find_credit_notes(self, *_: Any) -> Answer[list[Any]]:
        return Answer([])


def crash_everywhere(desk: Desk, plan: list[dict[str, Any]], *, hours: int = 0, bug: Bug = NO_BUG) -> int:
    """For a new note each time: a crash at the next boundary, then a second process. Returns how many there were."""
    number = 0
    while True:
        desk.note(reason=f"crash {number}")
        desk.world.emulator.faults([{**rule, "match": dict(rule["match"])} for rule in plan])
        boundaries = Boundaries(lambda crossed, number=number: crossed == number)  # type: ignore[misc]
        crashed = False
        try:
            desk.issue(boundaries, bug)
        except Crash:
            crashed = True
        if hours:
            desk.world.pass_hours(hours)
        desk.issue(bug=bug)
        desk.world.emulator.clear_faults()
        if not crashed:
            return number
        number += 1


@pytest.mark.parametrize("way", ["never answered, was done", "answered 500, not done"])
def test_a_crash_anywhere_credits_once(desk: Desk, way: str) -> None:
    assert crash_everywhere(desk, WAYS[way]) >= 12
    assert desk.problems() == []


def test_the_same_when_the_next_process_comes_after_stripe_has_forgotten_the_keys(desk: Desk) -> None:
    assert crash_everywhere(desk, WAYS["healthy"], hours=30) >= 12
    assert desk.problems() == []


def test_the_last_note_of_an_invoice_that_an_older_version_left_on_its_way_is_issued(desk: Desk) -> None:
    for line, amount in ((1, "1.00"), (3, "1.02"), (2, "1.01")):
        desk.note(line=line, amount=amount)
    boundaries = Boundaries()
    boundaries.fatal = lambda _: boundaries.names.count("after create_credit_note") == 3
    with pytest.raises(Crash):
        desk.issue(boundaries)
    with desk.world.engine.begin() as connection:
        connection.execute(stripe_credit_notes.update().values(sent_minor=None))  # older ones do not say it
    assert desk.issue().issued == 1
    assert desk.problems() == []


def test_every_fault_of_the_call_itself_is_survived(desk: Desk) -> None:
    for fault in FAULTS:
        desk.note(reason=fault)
        desk.world.emulator.faults([{"match": {"endpoint": "create_credit_note", "nth": 1}, "fault": fault}])
        assert desk.issue().issued == 1, fault
        desk.world.emulator.clear_faults()
    assert desk.problems() == []


def test_so_is_every_fault_of_a_look(desk: Desk) -> None:
    for endpoint in ("retrieve_invoice", "list_lines", "list_credit_notes"):
        for fault in ("reset_after", "rate_limited", "http_500_after", "html_502"):
            desk.note(reason=f"{endpoint} {fault}")
            first = {"match": {"endpoint": "create_credit_note", "nth": 1}, "fault": "http_500_after"}
            desk.world.emulator.faults([first, {"match": {"endpoint": endpoint, "nth": 1}, "fault": fault}])
            assert desk.issue().issued == 1, (endpoint, fault)
            desk.world.emulator.clear_faults()
    assert desk.problems() == []


class TestPlantedBugs:
    """Each known wrong design is caught by what the tests above look at."""

    def once(self, desk: Desk, way: str, bug: Bug) -> None:
        desk.note()
        desk.world.emulator.faults(WAYS[way])
        desk.issue(bug=bug)

    def test_random_keys(self, desk: Desk) -> None:
        self.once(desk, "never answered, was done", Bug(stripe=RandomKeys))
        assert desk.problems() != []

    def test_a_new_key_after_a_bare_timeout(self, desk: Desk) -> None:
        self.once(desk, "done late", Bug(stripe=NewKeyAfterTimeout))
        assert desk.problems() != []

    def test_a_look_that_sees_nothing(self, desk: Desk) -> None:
        self.once(desk, "answered 500, was done", Bug(stripe=Blind))
        assert desk.problems() != []

    def test_a_row_that_is_written_after_the_call(self, desk: Desk) -> None:
        desk.note()
        healthy = Boundaries()
        desk.issue(healthy)
        desk.note(reason="again")
        sent = Boundaries(lambda crossed: crossed == healthy.names.index("after create_credit_note"))
        bug = Bug(rows=WrittenAfterTheCall)
        with pytest.raises(Crash):
            desk.issue(sent, bug)
        desk.world.pass_hours(30)
        desk.issue(bug=bug)
        assert desk.problems() != []


def test_several_processes_at_once_issue_each_note_once(desk: Desk) -> None:
    def operator(number: int) -> None:
        own = CreditNotes(desk.world.engine)
        try:
            own.request(CreditRequest(ORG, MONTH, LINE, "0.05", "outage", f"op{number}"), desk.world.now())
            own.request(CreditRequest(ORG, MONTH, LINE, "0.02", f"op{number}", f"op{number}"), desk.world.now())
        finally:
            own.close()
        desk.issue()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(operator, range(4)))
    desk.issue()
    assert sorted(note.amount for note in desk.there()) == [2, 2, 2, 2, 5]
    assert desk.world.emulator.report()["requests"]["create_credit_note"] == 5
    assert desk.problems() == []


def test_many_operators_at_once_never_credit_more_than_the_line(desk: Desk) -> None:
    def operator(number: int) -> bool:
        own = CreditNotes(desk.world.engine)
        try:
            own.request(CreditRequest(ORG, MONTH, LINE, "0.30", f"op{number}", "ada"), desk.world.now())
        except CreditRefusedError:
            return False
        finally:
            own.close()
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(operator, range(8))) == 3
    assert desk.issue().issued == 3
    assert desk.problems() == []

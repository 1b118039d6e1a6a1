"""Whatever one org is refused, the others get through, in few closes; what everybody is refused is one problem."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from flybill_pipeline.billing.sync.breaker import opening
from flybill_pipeline.billing.sync.values import (
    Answer,
    Failure,
    StripeCustomer,
    StripeInvoice,
    SyncInvoice,
    SyncLine,
    SyncOrg,
    SyncScope,
)
from flybill_pipeline.steps.sync.options import RunOptions
from flybill_pipeline.steps.sync.ports import Stripe
from flybill_pipeline.steps.sync.sync_invoices import SyncReport, sync_invoices
from flybill_pipeline.stores.invoicing.tables import invoices, organizations
from flybill_pipeline.stores.sync.breaker import SyncBreaker
from flybill_pipeline.stores.sync.ledger import SyncLedger
from flybill_pipeline.stores.sync.tables import stripe_breaker, stripe_sync
from flybill_pipeline.stripe_gateway.contents import Contents
from flybill_pipeline_tests.chaos.months import MONTH, plant
from flybill_pipeline_tests.chaos.world import World
from flybill_pipeline_tests.worlds.databases import Databases
from flybill_pipeline_tests.worlds.effort import examples

SHARDS = 16
REFUSALS = ("no_permission", "refused", "not_found", "no_payment_method_types")
CALLS = ("create_customer", "create_invoice", "add_lines", "finalize_invoice")


def refusal(code: str) -> Failure:
    return Failure("org", code, "Stripe refused it", "Mend it", "req_1", status=403)


class Memory:
    """A Stripe in this process. `refused` says which org is refused at which call, with which code."""

    def __init__(self, refused: Mapping[str, tuple[str, str]]) -> None:
        self.refused = dict(refused)
        self.contents = Contents()
        self.asked: list[str] = []
        self.calls = 0
        self._copies: dict[str, tuple[SyncInvoice, str, int]] = {}

    def tax_problem(self) -> None: ...

    def create_customer(self, org: SyncOrg, key: str) -> Answer[StripeCustomer] | Failure:
        return self._refusal(org.org_id, "create_customer") or Answer(
            StripeCustomer(f"cus_{org.org_id}", 0, org.org_id, self.contents.customer(org))
        )

    def create_invoice(self, invoice: SyncInvoice, key: str) -> Answer[StripeInvoice] | Failure:
        return self._done(invoice, "create_invoice", "draft", 0)

    def add_lines(self, stripe_id: str, lines: Sequence[SyncLine], key: str) -> Answer[StripeInvoice] | Failure:
        invoice, _, _ = self._copies[stripe_id]
        return self._done(invoice, "add_lines", "draft", invoice.subtotal_minor)

    def finalize_invoice(self, stripe_id: str, key: str) -> Answer[StripeInvoice] | Failure:
        invoice, _, _ = self._copies[stripe_id]
        return self._done(invoice, "finalize_invoice", "open", invoice.subtotal_minor)

    def find_customers(self, org_id: str, since: datetime | None) -> Answer[list[StripeCustomer]]:
        return Answer([])

    def find_invoices(self, customer_id: str, since: datetime | None) -> Answer[list[StripeInvoice]]:
        return Answer([])

    def retrieve_invoice(self, stripe_id: str) -> Answer[StripeInvoice] | Failure:
        return Answer(self._copy(stripe_id))

    def list_lines(self, stripe_id: str) -> Answer[list[str]]:
        return Answer([line.line_id for line in self._copies[stripe_id][0].lines])

    def delete_draft(self, stripe_id: str) -> Answer[str]:
        del self._copies[stripe_id]
        return Answer(stripe_id)

    def _refusal(self, org_id: str, call: str) -> Failure | None:
        self.calls += 1
        where, code = self.refused.get(org_id, ("", ""))
        if not self.asked or self.asked[-1] != org_id:
            self.asked.append(org_id)
        return refusal(code) if where == call else None

    def _done(self, invoice: SyncInvoice, call: str, status: str, total: int) -> Answer[StripeInvoice] | Failure:
        if failure := self._refusal(invoice.org.org_id, call):
            return failure
        self._copies[f"in_{invoice.invoice_id}"] = (invoice, status, total)
        return Answer(self._copy(f"in_{invoice.invoice_id}"))

    def _copy(self, stripe_id: str) -> StripeInvoice:
        invoice, status, total = self._copies[stripe_id]
        return StripeInvoice(
            stripe_invoice_id=stripe_id,
            status=status,
            customer_id=invoice.org.customer_id,
            currency=invoice.currency,
            subtotal_minor=total,
            total_minor=total,
            total_excluding_tax_minor=None,
            amount_due_minor=total,
            livemode=False,
            created=0,
            hosted_invoice_url=None,
            flybill_invoice_id=invoice.invoice_id,
            flybill_content_hash=invoice.content_hash,
            flybill_number=invoice.number,
            flybill_terms=self.contents.invoice(invoice),
            line_ids=tuple(line.line_id for line in invoice.lines) if total else (),
            number=invoice.number_at_stripe,
        )


class Deployment:
    """A month on a database, closed shard by shard at a clock that goes when it is waited for."""

    def __init__(self, engine: Engine, stripe: Memory) -> None:
        self.engine, self.stripe = engine, stripe
        self.now = datetime(2026, 11, 3, tzinfo=UTC)

    def close(self, shards: Sequence[int | None] = (None,), *, by_a_person: bool = True) -> list[SyncReport]:
        options = RunOptions(workers=1, clock=self._time, sleep=self._sleep)
        with SyncLedger(self.engine) as ledger:
            if by_a_person:
                ledger.breaker.probe_now(self.now)
            stripe = cast(Stripe, self.stripe)
            return [
                sync_invoices(SyncScope(MONTH, shard), ledger=ledger, stripe=stripe, options=options)
                for shard in shards
            ]

    def states(self) -> dict[str, set[str]]:
        query = select(stripe_sync.c.state, invoices.c.org_id).join(invoices)
        states: dict[str, set[str]] = {}
        with self.engine.connect() as connection:
            for state, org in connection.execute(query):
                states.setdefault(state, set()).add(org)
        return states

    def breakers(self) -> list[tuple[str, int, bool]]:
        row = stripe_breaker.c
        with self.engine.connect() as connection:
            return [
                (code, orgs, is_open)
                for code, orgs, is_open in connection.execute(
                    select(row.code, row.orgs, row.is_open).order_by(row.breaker_id)
                )
            ]

    def _time(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now

    def _sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=max(seconds, 0.05))


def org(number: int) -> str:
    return f"org{number:05d}"


@pytest.mark.parametrize("code", REFUSALS)
@pytest.mark.parametrize("call", CALLS)
def test_the_biggest_org_is_refused_and_all_others_get_through_in_one_close(
    call: str, code: str, engine: Engine
) -> None:
    plant(engine, 3)
    deployment = Deployment(engine, Memory({org(2): (call, code)}))
    deployment.close()
    assert deployment.states() == {"finalized": {org(0), org(1)}, "blocked": {org(2)}}
    assert deployment.breakers() == []


REFUSED = st.none() | st.tuples(st.sampled_from(CALLS), st.sampled_from(REFUSALS[:2]))


@settings(max_examples=examples(15), deadline=None, suppress_health_check=list(HealthCheck))
@given(assignment=st.lists(REFUSED, min_size=1, max_size=40), sharded=st.booleans())
def test_who_is_not_refused_gets_through_within_few_closes_and_is_never_blocked(
    assignment: list[tuple[str, str] | None], sharded: bool, databases: Databases
) -> None:
    with databases.lent() as engine:
        plant(engine, len(assignment))
        refused = {org(number): each for number, each in enumerate(assignment) if each is not None}
        accepted = {org(number) for number in range(len(assignment))} - refused.keys()
        deployment = Deployment(engine, Memory(refused))
        for _ in range(MOST_CLOSES_SHARDED if sharded else MOST_CLOSES):
            deployment.close(range(SHARDS) if sharded else [None])
            states = deployment.states()
            assert not accepted & states.get("blocked", set())
            if accepted <= states.get("finalized", set()):
                break
        assert accepted <= deployment.states().get("finalized", set())


MOST_CLOSES, MOST_CLOSES_SHARDED = 6, 12


def test_a_part_of_all_that_is_refused_ends_blocked_and_the_breaker_closed(engine: Engine) -> None:
    """The biggest thirty of sixty: each close sees more of them as theirs alone."""
    plant(engine, 60)
    refused = {org(number): ("finalize_invoice", "no_payment_method_types") for number in range(30, 60)}
    deployment = Deployment(engine, Memory(refused))
    for _ in range(8):
        deployment.close()
    assert deployment.states() == {"finalized": {org(n) for n in range(30)}, "blocked": set(refused)}
    assert not any(is_open for _, _, is_open in deployment.breakers())


def test_many_that_are_refused_between_few_that_are_not_take_two_closes(engine: Engine) -> None:
    """What was each org's own before is no sign of everybody's later: else each close would bring one org through."""
    plant(engine, 60)
    refused = {org(number): ("create_customer", "no_permission") for number in range(60) if number % 6}
    deployment = Deployment(engine, Memory(refused))
    for _ in range(2):
        deployment.close()
    assert deployment.states() == {"finalized": {org(n) for n in range(0, 60, 6)}, "blocked": set(refused)}


def test_what_everybody_is_refused_is_one_problem_and_all_come_back_by_themselves(engine: Engine) -> None:
    plant(engine, 40)
    memory = Memory({org(number): ("create_customer", "no_permission") for number in range(40)})
    deployment = Deployment(engine, memory)
    reports = deployment.close(range(SHARDS))
    assert sum(report.blocked for report in reports[1:]) == 0
    assert memory.calls == 5
    assert deployment.breakers() == [("no_permission", 5, True)]
    assert deployment.states().keys() == {"new"}
    memory.refused.clear()
    with SyncLedger(engine) as ledger:
        assert ledger.came_back() == []
        deployment.close(range(SHARDS))
        assert [shard for _, shard, _ in ledger.came_back()] == [0]  # it had nobody who was not refused
    deployment.close(range(SHARDS))
    assert deployment.states().keys() == {"finalized"}
    assert [is_open for _, _, is_open in deployment.breakers()] == [False]


@pytest.mark.parametrize("orgs", [2, 3])
def test_few_orgs_that_are_all_refused_are_everybody(orgs: int, engine: Engine) -> None:
    plant(engine, orgs)
    deployment = Deployment(engine, Memory({org(n): ("create_customer", "refused") for n in range(orgs)}))
    deployment.close(range(SHARDS))
    assert deployment.breakers() == [("refused", orgs, True)]
    assert deployment.states().keys() == {"new"}


def test_one_org_alone_is_blocked_and_opens_nothing(engine: Engine) -> None:
    plant(engine, 1)
    deployment = Deployment(engine, Memory({org(0): ("create_customer", "refused")}))
    deployment.close()
    assert (deployment.states(), deployment.breakers()) == ({"blocked": {org(0)}}, [])


def test_a_probe_begins_with_whom_nothing_is_known_of_and_never_with_who_failed_last(engine: Engine) -> None:
    plant(engine, 8)
    memory = Memory({org(number): ("create_customer", "refused") for number in range(8)})
    deployment = Deployment(engine, memory)
    deployment.close()
    assert memory.asked == [org(7), org(6), org(5), org(4), org(3)]
    firsts = []
    for _ in range(8):
        last, memory.asked = memory.asked[-1], []
        deployment.close()
        assert memory.asked[0] != last
        firsts.append(memory.asked[0])
    assert firsts[0] == org(2)
    assert max(Counter(firsts).values()) <= 2


def test_the_only_org_is_its_own_probe(engine: Engine) -> None:
    plant(engine, 1)
    memory = Memory({})
    deployment = Deployment(engine, memory)
    stop_everybody(engine, deployment.now)
    SyncBreaker(engine).failed([org(0)], "bad_key", deployment.now)
    deployment.close()
    assert deployment.states() == {"finalized": {org(0)}}


def test_a_shard_with_nothing_but_who_failed_last_leaves_the_probe_to_another(engine: Engine) -> None:
    plant(engine, 2)
    memory = Memory({})
    deployment = Deployment(engine, memory)
    stop_everybody(engine, deployment.now)
    SyncBreaker(engine).failed([org(0)], "bad_key", deployment.now)
    deployment.close([0])
    assert memory.calls == 0
    deployment.close([1, 0])
    assert deployment.states() == {"finalized": {org(0), org(1)}}


def stop_everybody(engine: Engine, now: datetime) -> None:
    SyncBreaker(engine).trip(opening("refused", Failure("everyone", "bad_key", "m", "r"), now))


def test_a_breaker_of_a_clock_that_was_a_year_ahead_is_due_at_once(engine: Engine) -> None:
    plant(engine, 2)
    memory = Memory({})
    deployment = Deployment(engine, memory)
    stop_everybody(engine, deployment.now + timedelta(days=365))
    breaker = SyncBreaker(engine).state(deployment.now)
    assert breaker is not None
    assert breaker.next_probe_at == breaker.opened_at == deployment.now
    deployment.close(by_a_person=False)
    assert deployment.states() == {"finalized": {org(0), org(1)}}


def test_what_the_operator_reads_says_for_how_many_it_was_refused(engine: Engine) -> None:
    plant(engine, 6)
    deployment = Deployment(engine, Memory({org(n): ("create_customer", "refused") for n in range(6)}))
    deployment.close()
    deployment.close()
    breaker = SyncBreaker(engine).state(deployment.now)
    assert breaker is not None
    assert breaker.message == "Stripe refused 6 organizations for the same reason. Stripe refused it."


def test_over_http_one_org_without_a_payment_method_type_is_blocked_alone(world: World) -> None:
    plant(world.engine, 3, customers=[world.stripe().v1.customers.create({"name": f"Org {n}"}).id for n in range(3)])
    with world.engine.connect() as connection:
        biggest = connection.execute(
            select(organizations.c.stripe_customer_id).where(organizations.c.org_id == org(2))
        ).scalar_one()
    world.emulator.faults([{"match": {"endpoint": "finalize", "customer": biggest}, "fault": "refused"}])
    report = world.sync()
    assert (report.finalized, report.blocked, report.waiting, report.stopped) == (2, 1, 0, None)
    [failure] = report.failures
    assert (failure.org_id, failure.code) == (org(2), "no_payment_method_types")
    assert "account" not in failure.message
    world.emulator.clear_faults()
    with SyncLedger(world.engine) as ledger:
        ledger.reopen(MONTH, [org(2)])
    assert world.sync().complete
    assert world.problems() == []

"""Stripe refuses to finalize or to delete, and gives no reason: it may be done there already. A look comes first."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

import pytest

from flybill_pipeline.billing.sync.values import Answer, Failure, T
from flybill_pipeline.steps.sync.ports import Stripe
from flybill_pipeline_tests.chaos.months import plant
from flybill_pipeline_tests.chaos.world import World

Deed = Callable[[World, str], object]


def nothing(_world: World, _invoice: str) -> None:
    """Nobody did anything: the refusal is about something else."""


def finalized(world: World, invoice: str) -> None:
    world.stripe().v1.invoices.finalize_invoice(invoice)


def deleted(world: World, invoice: str) -> None:
    world.stripe().v1.invoices.delete(invoice)


@dataclass
class Meanwhile:
    """Somebody does something at Stripe just before the first call of one kind; a refusal then gives no reason.

    `says_no`: whether the call is refused in any case.
    """

    world: World
    call: str
    deed: Deed
    says_no: bool = False
    done: bool = False

    def of(self, port: Stripe) -> Stripe:
        self._port = port
        return cast(Stripe, self)

    def __getattr__(self, name: str) -> object:
        method = getattr(self._port, name)
        return self._wrapped(method) if name == self.call else method

    def _wrapped(self, method: Callable[..., Answer[T] | Failure]) -> Callable[..., Answer[T] | Failure]:
        def call(invoice: str, *more: object) -> Answer[T] | Failure:
            if not self.done:
                self.deed(self.world, invoice)
                self.done = True
            answer = REFUSAL if self.says_no else method(invoice, *more)
            return replace(REFUSAL, status=answer.status) if isinstance(answer, Failure) else answer

        return call


REFUSAL = Failure("org", "refused", "Stripe refused the request", "Tell somebody.", status=400)


@pytest.mark.parametrize("deed", [finalized, deleted])
def test_what_somebody_finalized_is_adopted_and_what_is_gone_is_made_again(deed: Deed, world: World) -> None:
    plant(world.engine, 2)
    report = world.sync(stripe_of=Meanwhile(world, "finalize_invoice", deed).of)
    assert (report.finalized, report.blocked) == (2, 0)
    assert world.problems() == []


def test_a_draft_that_stripe_goes_on_refusing_blocks_its_org_alone(world: World) -> None:
    plant(world.engine, 1)
    report = world.sync(stripe_of=Meanwhile(world, "finalize_invoice", nothing, says_no=True).of)
    assert [(failure.code, failure.state) for failure in report.failures] == [("refused", "blocked")]
    assert report.calls == 5  # the customer, the draft, its lines, the refusal, a look


@pytest.mark.parametrize("deed", [nothing, finalized, deleted])
def test_a_draft_that_is_to_be_deleted_may_be_gone_or_final(deed: Deed, world: World) -> None:
    (invoice,) = plant(world.engine, 1)
    world.emulator.faults([{"match": {"endpoint": "finalize", "times": 99}, "fault": "http_503"}])
    world.sync(patience=1)
    world.emulator.clear_faults()
    (draft,) = world.stripe().v1.invoices.list().data
    world.stripe().v1.invoices.update(draft.id, {"metadata": {"flybill_terms": "others"}})  # no longer to be used
    with world.engine.begin() as connection:
        connection.exec_driver_sql("update flybill.stripe_sync set step = 'look'")
    report = world.sync(stripe_of=Meanwhile(world, "delete_draft", deed, says_no=deed is nothing).of)
    if deed is nothing:
        assert [(failure.code, failure.state) for failure in report.failures] == [("refused", "blocked")]
    else:
        assert report.complete, invoice
        assert world.problems() == []

"""What an organization owes: a settled month as it was settled, any other as it is now."""

from dataclasses import FrozenInstanceError

import pytest

from flybill_pipeline.billing.words.english import english
from flybill_pipeline.questions.organizations import UnknownOrganizationError
from flybill_pipeline.questions.owed import owed
from flybill_pipeline.toolbox.tools import Toolbox
from flybill_pipeline_tests.stores.billing_world import MONTH, BillingWorld


def test_a_settled_month_is_told_from_its_invoice(tools: Toolbox, world: BillingWorld) -> None:
    world.draft({"acme": 500})
    world.finalize()
    answer = owed(tools, "acme", MONTH)
    assert (answer.statement.state, answer.facts.total_minor, answer.left_minor) == ("invoiced", 500, 500)
    assert [(line.kind, line.amount_minor) for line in answer.lines] == [("usage", 500)]


def test_a_month_without_an_invoice_has_nothing_left_of_one(tools: Toolbox, world: BillingWorld) -> None:
    world.draft({"acme": 20})  # below the minimum: carried forward
    world.finalize()
    answer = owed(tools, "acme", MONTH)
    assert (answer.statement.state, answer.left_minor, len(answer.lines)) == ("carried_forward", None, 1)


def test_an_open_month_is_priced_now_whatever_was_drafted_before(tools: Toolbox, world: BillingWorld) -> None:
    world.draft({"acme": 500})
    answer = owed(tools, "acme", MONTH)
    assert (answer.statement.state, answer.facts.total_minor, list(answer.lines)) == ("closing", 0, [])
    assert "November 3, 2025" in english(answer.statement.next_step)


@pytest.mark.usefixtures("world")
def test_nobody_owes_what_nobody_imported(tools: Toolbox) -> None:
    with pytest.raises(UnknownOrganizationError, match=r"nobody.*import-orgs"):
        owed(tools, "nobody", MONTH)


def test_an_answer_cannot_be_changed(tools: Toolbox, world: BillingWorld) -> None:
    world.draft({"acme": 500})
    answer = owed(tools, "acme", MONTH)
    with pytest.raises(FrozenInstanceError):
        answer.lines = ()  # type: ignore[misc]

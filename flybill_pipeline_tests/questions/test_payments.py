"""What is kept of payments, counted apart: about invoices of ours and of somebody else."""

from flybill_pipeline.billing.payments.polls import Poll
from flybill_pipeline.questions.payments import PaymentsKept, payments_kept
from flybill_pipeline.toolbox.tools import Toolbox


def test_before_anything_was_read(tools: Toolbox) -> None:
    assert payments_kept(tools) == PaymentsKept(0, 0, Poll(), {})

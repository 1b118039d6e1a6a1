"""What is known of payments at Stripe, and how fresh it is. A month's payments are a part of `month_status`."""

from collections.abc import Mapping
from dataclasses import dataclass

from flybill_pipeline.billing.payments.polls import Poll
from flybill_pipeline.toolbox.tools import Toolbox


@dataclass(frozen=True, slots=True)
class PaymentsKept:
    """How many observations are kept, about invoices of ours and of somebody else, and how far Stripe's are read.

    `unread` counts the pushed events that were not read, by their reason.
    """

    ours: int
    not_ours: int
    poll: Poll
    unread: Mapping[str, int]


def payments_kept(tools: Toolbox) -> PaymentsKept:
    """What is kept now; Stripe is not asked."""
    return PaymentsKept(*tools.payments.counts(), tools.payments.poll(), tools.unread_events.counts())

"""Where a month stands: bills, sync, what Stripe's own list says, payments, usage that does not count.

`status` and `close` show it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.sync.accounts import StripeInUse
from flybill_pipeline.billing.sync.untold import Untold
from flybill_pipeline.billing.sync.verdicts import Verdict
from flybill_pipeline.billing.usage.tables import TakenTable
from flybill_pipeline.questions.late_usage import LateUsage, late_usage
from flybill_pipeline.questions.rejected_usage import RejectedUsage, rejected_in
from flybill_pipeline.questions.sync_progress import SyncNow, sync_progress
from flybill_pipeline.stores.invoicing.first_month import UsageBefore
from flybill_pipeline.stores.payments.standing import MonthPayments
from flybill_pipeline.stores.payments.statements import FailedOrgMonth, MonthStatus
from flybill_pipeline.toolbox.tools import Toolbox


@dataclass(frozen=True, slots=True)
class MonthOverview:
    """Everything about a month that an operator looks at first; `bills` are its organizations' outcomes and totals.

    `late` came after the month was closed; None when that cannot be known. `overdue` are the other months that should
    have been closed by now, with how many organizations wait for it. `first` is the first month that was ever closed,
    and `now` is when all of this is so. `usage_before` is that of before `first`: no invoice bills it until somebody
    closes its month. `untold` is what changed of organizations, of whatever month, that their customers at Stripe do
    not have yet. `tables` is what was taken of sources whose usage stays in an engine.
    """

    bills: MonthStatus
    rejected: RejectedUsage
    tables: Sequence[TakenTable]
    sync: SyncNow
    payments: MonthPayments
    late: LateUsage | None
    overdue: Mapping[Month, int]
    reconciliation: Verdict
    stripe: StripeInUse
    first: Month | None
    usage_before: UsageBefore | None
    untold: Sequence[Untold]
    now: datetime

    def failures_of(self, org_ids: Collection[str]) -> list[FailedOrgMonth]:
        """The organizations that are not done, of these, or of all where none is named."""
        return [failure for failure in self.bills.failures if not org_ids or failure.org_id in org_ids]

    def is_incomplete(self, org_ids: Collection[str] = ()) -> bool:
        """Whether any of these organizations, or any at all, is held or failed, or differs in Stripe's own list."""
        return bool(self.failures_of(org_ids)) or self.reconciliation.is_wrong(org_ids)


def month_status(tools: Toolbox, month: Month) -> MonthOverview:
    """Where the month stands now. Reads what is on record; Stripe is not asked."""
    first = tools.open_months.first()
    return MonthOverview(
        bills=tools.statements.month(month),
        rejected=rejected_in(tools, month),
        tables=tools.taken_tables(),
        sync=sync_progress(tools, month),
        payments=tools.payments.of_month(month, tools.now()),
        late=late_usage(tools, month),
        overdue={other: waiting for other, waiting in tools.overdue_months().items() if other != month},
        reconciliation=tools.verdicts.of(month),
        stripe=tools.stripe_in_use,
        first=first,
        usage_before=tools.usage_before(first) if first else None,
        untold=tools.untold(),
        now=tools.now(),
    )

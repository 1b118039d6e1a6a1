"""Closes a shard of a month, or repairs an org, with the things of one deployment: which is which step's port.

Decides nothing about money: the steps do. No Dagster: a run of it hands its partition in and shows the report.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.sync.values import SyncScope
from flybill_pipeline.billing.sync.verdicts import Verdict
from flybill_pipeline.steps.invoicing.finalize_invoices import FinalizeReport, UsageNotReadError, finalize_shard
from flybill_pipeline.steps.payments.bring_to_stripe import BroughtReport, bring_to_stripe
from flybill_pipeline.steps.pricing.price_usage import PricedFrom, PricingReport, price_shard
from flybill_pipeline.steps.sync.judge_month import judge_month
from flybill_pipeline.steps.sync.know_account import know_account, move_in
from flybill_pipeline.steps.sync.options import RunOptions
from flybill_pipeline.steps.sync.prove_month import MonthProof, prove_month
from flybill_pipeline.toolbox.telling import watch
from flybill_pipeline.toolbox.tools import Toolbox

REPEAT = "Materialize its key again when Stripe answers; it stays on the list until then."
NOT_READ = "usage_not_read"
LEFT_OUT = "While it was priced, another month of it was settled."
READ_FIRST = (
    "Materialize its key again in some minutes, when the sensors landed_files_arrived and days_to_record have brought "
    "it in; `flybill repair` does all of it at once."
)


def price(tools: Toolbox, part: ShardMonth) -> PricingReport:
    """Prices a shard, or just some orgs of it, from inputs that are written down before; then tells of budgets."""
    tools.closed_shards.forget(part.month, part.shard)
    inputs = tools.pricing_inputs.keep(part.month, tools.fingerprints(part.month))
    terms, usage = tools.organizations.terms(part.shard, part.only), tools.usage_as_of(inputs)
    orgs = [each.in_month(part.month) for each in terms.values()]
    source = PricedFrom(usage, tools.books(part.month), tools.accounts_of(usage, terms), inputs.inputs_id)
    report = price_shard(part, orgs, source, tools.drafts)
    watch(tools, part, usage)
    if not part.only:
        tools.gather_usage(part)
    return report


def finalize(tools: Toolbox, part: ShardMonth) -> FinalizeReport:
    """Decides and settles every open draft of the shard, or of some orgs.

    Raises MonthStillOpenError too early, and UsageNotReadError while usage has landed that the drafts lack.
    """
    tools.closed_shards.forget(part.month, part.shard)
    return finalize_shard(part, tools.invoices, tools.holds, tools.usage_backlog, tools.policy)


def bring(tools: Toolbox, part: ShardMonth, tell: Callable[[str], None] = lambda _: None) -> BroughtReport:
    """Brings what is finalized of the shard, or of some orgs, to Stripe; `tell` hears now and then how far it is."""
    tools.closed_shards.forget(part.month, part.shard)
    scope = SyncScope(part.month, part.shard, part.only or None)
    if tools.sync_ledger.breaker.may_call(tools.now()):
        move_in(tools.stripe_accounts, tools.stripe, *scope)
    return bring_to_stripe(
        scope,
        ledger=tools.sync_ledger,
        credit_notes=tools.credit_notes,
        stripe=tools.stripe,
        options=RunOptions(pace=tools.stripe.pace, tell=tell, stripe_clock=tools.stripe.clock.reading),
    )


def prove(tools: Toolbox, month: Month) -> tuple[MonthProof, Verdict]:
    """The month here and in Stripe's own list, and what that comes to, which is kept for who asks later."""
    accounts, may_call = tools.stripe_accounts, tools.sync_ledger.breaker.may_call(tools.now())
    account = know_account(accounts, tools.stripe) if may_call else accounts.mine()
    proof = _compared(tools, month)
    verdict = judge_month(month, proof, accounts.made_elsewhere(month), account, tools.now())
    tools.verdicts.keep(month, verdict)
    tools.keep_stripes_clock()
    return proof, verdict


def _compared(tools: Toolbox, month: Month) -> MonthProof:
    return prove_month(
        month,
        ours=tools.billed,
        theirs=tools.stripe_list,
        ledger=tools.sync_ledger,
        stripe=tools.stripe,
        now=tools.now(),
    )


@dataclass(frozen=True, slots=True)
class Unrepaired:
    """An org whose month is still not done: what happened, and what to do."""

    month: Month
    org_id: str
    code: str
    message: str
    remedy: str


def repair(tools: Toolbox, month: Month, org_id: str, landed_by: datetime | None = None) -> Unrepaired | None:
    """Closes the org's month again; returns what still keeps it from being done, None when nothing does.

    `landed_by`: when this repair was first tried; it counts what had landed by then. None means by now.
    """
    part = ShardMonth(month, tools.shard_of(org_id), tools.now(), [org_id], landed_by)
    price(tools, part)
    try:
        report = finalize(tools, part)
    except UsageNotReadError as error:
        return Unrepaired(month, org_id, NOT_READ, str(error), READ_FIRST)
    if report.left_out:
        return Unrepaired(month, org_id, "left_out", LEFT_OUT, "Materialize its key again.")
    tools.sync_ledger.reopen(month, part.only)
    brought = bring(tools, part)
    if brought.waits is not None:
        return Unrepaired(month, org_id, "waiting", brought.waits, REPEAT)
    for failure in tools.statements.failures(month, part.only):
        return Unrepaired(month, org_id, failure.code, failure.message, failure.remedy)
    return None

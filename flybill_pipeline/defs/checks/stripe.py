"""Checks of what is, or is not, in Stripe, and that nothing was lost on the way there."""

from datetime import timedelta

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.usage.file_accounts import by_source
from flybill_pipeline.defs.checks.check import ERROR, MONTH, MONTH_SHARD, WARN, Check, Finding, offenders
from flybill_pipeline.defs.metadata.tables import evidence, trouble
from flybill_pipeline.steps.usage.account_for_usage import account_for_usage
from flybill_pipeline.toolbox.tools import Toolbox

LONGEST_WAIT_OF_AN_INVOICE = timedelta(hours=24)


def not_billed(toolbox: Toolbox, part: tuple[Month, int]) -> Finding:
    """Whose month is not done, with the reason."""
    left = [_why_not(**row) for row in toolbox.month_checks.not_billed(*part)]
    return offenders(left, "organizations that are not done")


def _why_not(org_id: str, message: str, remedy: str, outcome: str, **names: str) -> dict[str, object]:
    if not message:
        message, remedy = _NOT_YET.get(outcome, _NOT_SENT)
    return {**trouble(message, remedy, org_id=org_id), **names, "outcome": outcome}


_NOT_YET = {"none": ("Nothing was decided of its month yet.", "Materialize the shard again.")}
_NOT_SENT = ("Its invoice is not at Stripe yet.", "Nothing, while the shard is retried; else materialize it.")


def _waiting_long(toolbox: Toolbox, part: tuple[Month, int]) -> Finding:
    _, shard = part
    old = toolbox.month_checks.unsynced_since(shard, toolbox.now() - LONGEST_WAIT_OF_AN_INVOICE)
    return offenders(old, "invoices that wait, the oldest first")


def _got_through(_: Toolbox, __: tuple[Month, int]) -> Finding:
    """A run that got here got through; red is recorded by the sensor that gives up."""
    return Finding(True)


def _account_for_usage(toolbox: Toolbox, month: Month) -> Finding:
    accounts = account_for_usage(month, toolbox.usage, toolbox.month_checks, toolbox.lookback_months)
    balanced, too_late = all(each.balanced for each in accounts), any(each.too_late for each in accounts)
    tables = evidence([account.as_row() for account in accounts], "quantity by meter")
    files = toolbox.file_accounts.of_days(month.days())
    sources = by_source(files)
    tables |= evidence([each.as_row() for each in sources], "records and events by source")
    tables |= evidence([each.as_row() for each in files if each.missing], "files that do not come out even")
    balanced &= not any(each.missing for each in files)
    balanced &= toolbox.file_accounts.agree_with_totals(month.days(), files)
    return Finding(balanced and not too_late, tables, warning=balanced)


def _overdue(toolbox: Toolbox, month: Month) -> Finding:
    """Of the month and those before it: a month that nobody closed is looked at by nothing of its own."""
    overdue = [each for each in toolbox.overdue_months().items() if each[0] <= month]
    rows = [{"month": str(month), "organizations without an outcome": waiting} for month, waiting in overdue]
    return offenders(rows, "months that are not closed")


EVERY_ORG_BILLED = Check(
    name="every_org_billed",
    asset="stripe_invoices",
    cut=MONTH_SHARD,
    severity=ERROR,
    holds="Every organization of the shard has one outcome, none is held, and each invoice stands in Stripe.",
    broken="Organizations of the shard are not done: they are held, or their invoices do not stand in Stripe.",
    remedy="Its table says what happened to whom; mend it, then materialize the organization's key of "
    "failed_org_months.",
    no_alert_because="people are told of the organizations by name, one message for each reason",
    look=not_billed,
)
RETRIES_LEFT = Check(
    name="retries_left",
    asset="stripe_invoices",
    cut=MONTH_SHARD,
    severity=ERROR,
    holds="The sensor has not given the shard up.",
    broken="The shard failed so often that only a person brings it back.",
    remedy="Read why its last run failed, mend it, and then materialize the shard: the count begins anew.",
    no_alert_because="people are told of the shards that are given up by the failures themselves, which need no check",
    look=_got_through,
)
TOTALS_MATCH_STRIPE = Check(
    name="totals_match_stripe",
    asset="stripe_reconciliation",
    cut=MONTH,
    severity=ERROR,
    holds="Every invoice of the month stands in Stripe's own list with the same amount, and no other stands there.",
    broken="Invoices here and in Stripe differ: one side was changed by hand, or misses an invoice.",
    remedy="See the table of the check, which has both sides, and look at each row. Nothing is changed by itself.",
    no_alert_because=None,
    look=None,
)

STRIPE_CHECKS = (
    EVERY_ORG_BILLED,
    Check(
        name="no_invoice_waits_long",
        asset="stripe_invoices",
        cut=MONTH_SHARD,
        severity=WARN,
        holds="No invoice of the shard, of whatever month, was finalized here more than a day ago and is not yet in "
        "Stripe.",
        broken="Invoices were finalized here more than a day ago and are not yet in Stripe.",
        remedy="Is the sensor retry_failed_partitions on, and is Stripe up? Else materialize the shard.",
        no_alert_because="people are told of invoices that have waited for six hours, by month and reason",
        look=_waiting_long,
    ),
    RETRIES_LEFT,
    TOTALS_MATCH_STRIPE,
    Check(
        name="months_are_closed",
        asset="stripe_reconciliation",
        cut=MONTH,
        severity=ERROR,
        holds="The month, and every one before it since the first, is closed for every organization.",
        broken="Months are open though their closing day is over.",
        remedy="Close them, the oldest first: `flybill close MONTH`, or materialize their shards.",
        no_alert_because="people are told of each such month by name",
        look=_overdue,
    ),
    Check(
        name="nothing_lost",
        asset="stripe_reconciliation",
        cut=MONTH,
        severity=ERROR,
        holds="Per meter, the quantity in the lake stands in lines of the month or of a later one, or waits with a "
        "reason. Each record of a file with usage of the month was left out, refused, or gave events. Each event is "
        "repeated, conflicting, replaced, too large, waits for the owner of its alias, or counts. Usage that came too "
        "late for any invoice is a warning: a longer look-back bills it with the next close.",
        broken="Usage was landed that no invoice, no hold and no quarantine accounts for, or that came too late.",
        remedy="See the tables of the check, by meter and by source; a file that does not come out even is named. "
        "Close the month again; if it stays red, it is a fault of flybill's.",
        no_alert_because=None,
        look=_account_for_usage,
    ),
)

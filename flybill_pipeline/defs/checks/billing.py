"""Checks of drafts and of finalized invoices. What is due, billing knows; what is usual, the history of the shard."""

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.defs.checks.check import ERROR, MONTH, MONTH_SHARD, WARN, Check, Finding, offenders
from flybill_pipeline.steps.invoicing.watch_revenue import unusual_revenue
from flybill_pipeline.toolbox.tools import Toolbox


def _unpriced(toolbox: Toolbox, part: tuple[Month, int]) -> Finding:
    unpriced = toolbox.month_checks.unpriced(*part)
    return offenders(unpriced, "usage without a price")


def _below_zero(toolbox: Toolbox, part: tuple[Month, int]) -> Finding:
    below_zero = toolbox.month_checks.below_zero(*part)
    return offenders(below_zero, "levels below zero")


def _unusual_revenue(toolbox: Toolbox, part: tuple[Month, int]) -> Finding:
    month, shard = part
    if toolbox.now() < month.end:  # an open month has had part of its revenue only
        return Finding(True)
    unusual = unusual_revenue(toolbox.month_figures, month, shard)
    return offenders(unusual, "currencies")


def _unequal_invoices(toolbox: Toolbox, part: tuple[Month, int]) -> Finding:
    unequal = toolbox.month_checks.unequal_invoices(*part)
    return offenders(unequal, "invoices that do not add up")


def _undecided(toolbox: Toolbox, part: tuple[Month, int]) -> Finding:
    undecided = toolbox.month_checks.undecided(*part)
    return offenders(undecided, "organizations without an outcome")


PRICED_AGAIN = Check(
    name="priced_again_they_are_the_same",
    asset="verified_invoices",
    cut=MONTH,
    severity=ERROR,
    holds="Every finalized invoice of the month comes out the same when it is priced again from its usage and books.",
    broken="Finalized invoices cannot be made again from the usage and the price books that they were made of.",
    remedy="See the table of the check, or `flybill verify MONTH`: it names each invoice, and what differs.",
    no_alert_because=None,
    look=None,
)

BILLING_CHECKS = (
    Check(
        name="every_meter_priced",
        asset="monthly_line_items",
        cut=MONTH_SHARD,
        severity=WARN,
        holds="All usage of the month has a price.",
        broken="Usage has no price: its organization will be held.",
        remedy="Add the price, or the meter, to the price book; the next run prices it.",
        no_alert_because="people are told of organizations that are held, once the month is closed",
        look=_unpriced,
    ),
    Check(
        name="no_level_is_below_zero",
        asset="monthly_line_items",
        cut=MONTH_SHARD,
        severity=WARN,
        holds="No level was below zero: of a time_weighted meter at any time, of others as they are billed.",
        broken="A level was below zero: more was taken away than was ever there. It counts as zero, and perhaps too "
        "little is paid.",
        remedy="Land the change that is missing, such as what was there before metering began; the next run prices it.",
        no_alert_because="nobody pays too much for it, and the line of the bill says it too",
        look=_below_zero,
    ),
    Check(
        name="revenue_is_usual",
        asset="monthly_line_items",
        cut=MONTH_SHARD,
        severity=WARN,
        holds="What the shard comes to is between half and twice what it usually comes to, by the six months before.",
        broken="The shard comes to less than half, or more than twice, of what it usually comes to.",
        remedy="See who moved most, in the metadata of the partition, before the month is closed.",
        no_alert_because="an unusual total of one organization is held, and people are told of that",
        look=_unusual_revenue,
    ),
    Check(
        name="lines_sum_to_invoice",
        asset="finalized_invoices",
        cut=MONTH_SHARD,
        severity=ERROR,
        blocking=True,
        holds="The lines of every invoice sum to its subtotal. It blocks the sync; finalizing asserts the same.",
        broken="Lines of finalized invoices do not sum to their subtotal: somebody wrote past flybill into the "
        "database. Nothing of the shard is synced.",
        remedy="Restore the rows from the backup, then materialize the shard.",
        no_alert_because=None,
        look=_unequal_invoices,
    ),
    Check(
        name="every_org_has_an_outcome",
        asset="finalized_invoices",
        cut=MONTH_SHARD,
        severity=ERROR,
        holds="Every organization of the shard has an outcome for the month: nobody was forgotten.",
        broken="Organizations were left without an outcome for a closed month: something changed while it was closed.",
        remedy="Materialize the shard again; if it stays red, see the table of the check.",
        no_alert_because=None,
        look=_undecided,
    ),
    PRICED_AGAIN,
)

"""The one check of a whole month: is it billed?"""

from flybill_pipeline.defs.checks.check import ERROR, MONTH, Check

MONTH_IS_BILLED = Check(
    name="month_is_billed",
    asset="billed_month",
    cut=MONTH,
    severity=ERROR,
    holds="Nobody waits whose month should be done, and Stripe's own list says the same as we do.",
    broken="Organizations wait whose month should be done, or Stripe's own list differs.",
    remedy="Its table says what happened to whom and what to do; mend it, then materialize the organization's key of "
    "failed_org_months.",
    no_alert_because="people are told of the organizations by name, of months that are open, and of Stripe's own list",
    look=None,
)

MONTH_CHECKS = (MONTH_IS_BILLED,)

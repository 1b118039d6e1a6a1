"""Earlier months that were closed without an organization that has something in them. Words and codes only.

An organization that was imported, or first used something, after a month was closed has no outcome of it. Nothing of
that month stands on a later invoice: it waits until the month is closed again.
"""

from collections.abc import Iterator, Sequence

from flybill_pipeline.billing.invoicing.outcomes import HoldReason
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.usage.aliases import waiting_alias

CODE = "earlier_month_open"
UNKNOWN_ORG = "unknown_org"
UNKNOWN_WORDS, IMPORTED_WORDS = ", but no such organization.", ", which was imported since."
IMPORT_AND_CLOSE, CLOSE = "Import it with `flybill import-orgs FILE`, then close ", "Close "
"""What is said of an organization that nobody has imported, and in the place of it once somebody has."""


def left_behind(org_id: str, months: Sequence[Month]) -> Iterator[HoldReason]:
    """A problem for each earlier month, the oldest first."""
    for month in months:
        yield HoldReason(
            CODE,
            f"{month} was closed without {org_id}, and there is usage, a plan or an item of it in that month.",
            f"Close {month} again (`flybill close {month}`): that bills {org_id}, and nobody twice. A plan that was "
            "billed elsewhere is ended as it begins, and imported with a later start. Then repair the month.",
        )


def unknown_org(org_id: str, months: Sequence[Month] = ()) -> HoldReason:
    """The problem of usage for an org that nobody imported; `months` are earlier ones that were closed without it."""
    within = f" in {', '.join(map(str, months))}" if months else ""
    again = " and ".join([*map(str, months), "the month"])
    if alias := waiting_alias(org_id):
        return HoldReason(
            code="unknown_alias",
            message=f"There is usage of {alias[1]}{within}, and nobody knows whose it is (source {alias[0]}).",
            remedy="Say it in a CSV file with the columns source,alias,org_id, import that with "
            f"`flybill import-aliases FILE`, then close {again} again.",
        )
    return HoldReason(
        code=UNKNOWN_ORG,
        message=f"There is usage for {org_id}{within}{UNKNOWN_WORDS}",
        remedy=f"{IMPORT_AND_CLOSE}{again} again.",
    )

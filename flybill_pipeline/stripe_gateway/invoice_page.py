"""What stands on the page of an invoice at Stripe beside its lines: the memo and the custom fields. Pure; no calls.

The footer is the customer's own (bank details, legal texts): Stripe puts it there when we say nothing of one.
"""

from urllib.parse import quote

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.sync.values import SyncInvoice
from flybill_pipeline.billing.usage.graphemes import cut
from flybill_pipeline.billing.usage.texts import LONGEST_CUSTOM_FIELD

LONGEST_MEMO = 1500
"""Characters of an invoice's `description`, which its page calls the memo."""


def memo(invoice: SyncInvoice, statement_url: str | None = None) -> str:
    """Its month, and where each line is told; `statement_url` has {org} and {month} in it.

    Our number stands there where Stripe gives the invoice another one.
    """
    head = f"Usage in {invoice.month}"
    if invoice.number_at_stripe is None:
        head += f", invoice {invoice.number}"
    rolled_up = invoice.lines_here > len(invoice.lines)
    if rolled_up:
        head += f". It sums up {invoice.lines_here} lines; your statement for {invoice.month} lists each of them"
    if statement_url is None:
        return head
    link = statement_link(statement_url, invoice.org.org_id, invoice.month)
    linked = f"{head}: {link}" if rolled_up else f"{head}. Your statement: {link}"
    return linked if len(linked) <= LONGEST_MEMO else head


def statement_link(statement_url: str, org_id: str, month: Month) -> str:
    """The address of an organization's statement, whatever its id holds."""
    # The month first: an id may hold the text "{month}", but as part of an address its braces are written otherwise.
    return statement_url.replace("{month}", str(month)).replace("{org}", quote(org_id, safe=""))


def custom_fields(invoice: SyncInvoice) -> list[dict[str, str]]:
    """What bookkeeping asks for of what we know of the customer; Stripe takes four at most."""
    org = invoice.org
    known = {"Purchase order": org.purchase_order, "Tax ID": org.tax_id and org.tax_id.value}
    return [{"name": name, "value": cut(text, LONGEST_CUSTOM_FIELD)} for name, text in known.items() if text]

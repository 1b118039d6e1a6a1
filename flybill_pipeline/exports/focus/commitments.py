"""The minimum spend of a contract: its row of Contract Commitment, and what a charge counts for it. No price here."""

from datetime import UTC, datetime
from decimal import Decimal

from flybill_pipeline.billing.money.amounts import format_money, from_minor
from flybill_pipeline.exports.focus.columns import Cell, Row, json_text
from flybill_pipeline.questions.billed import Billed, Committed

NO_END = datetime(9999, 12, 31, tzinfo=UTC)
"""The end of a contract for which none is stated: FOCUS wants one."""


def commitment_row(billed: Billed, committed: Committed, provider: str) -> Row:
    """The minimum of the month as a commitment of its own: what was not used of it is due, and nothing is left over."""
    minimum, until = committed.commitment, committed.until or NO_END
    return {
        "BillingCurrency": committed.currency.upper(),
        "ContractCommitmentApplicability": '{"IsGlobalScope":true}',
        "ContractCommitmentBenefitCategory": "Discount",
        "ContractCommitmentCategory": "Spend",
        "ContractCommitmentCost": from_minor(minimum.minimum_minor, committed.currency),
        "ContractCommitmentCreated": max(committed.since, billed.month.start),
        "ContractCommitmentDescription": f"At least {format_money(minimum.minimum_minor, committed.currency)} in "
        f"{billed.month}{minimum.words}",
        "ContractCommitmentDurationType": "1 Month",
        "ContractCommitmentFulfillmentInterval": "Monthly",
        "ContractCommitmentId": _id(billed, committed),
        "ContractCommitmentLastUpdated": billed.settled_at,
        "ContractCommitmentLifecycleStatus": "Expired",
        "ContractCommitmentModel": "Discontinuous",
        "ContractCommitmentOfferCategory": "Negotiated",
        "ContractCommitmentPaymentInterval": "Monthly",
        "ContractCommitmentPaymentModel": "No Upfront",
        "ContractCommitmentPeriodEnd": min(until, billed.month.end),
        "ContractCommitmentPeriodStart": max(committed.since, billed.month.start),
        "ContractCommitmentType": "Minimum spend",
        "ContractId": minimum.contracts,
        "ContractPeriodEnd": until,
        "ContractPeriodStart": committed.since,
        "InvoiceIssuerName": provider,
        "ServiceProviderName": provider,
    }


def applied(billed: Billed, cost: Cell) -> str | None:
    """The charge of this cost as ContractApplied has it; None where no minimum holds."""
    if billed.committed is None or not isinstance(cost, Decimal):
        return None
    element = json_text(
        {
            "ContractId": billed.committed.commitment.contracts,
            "ContractCommitmentId": _id(billed, billed.committed),
            "ContractCommitmentAppliedCost": cost,
        }
    )
    return f'{{"Elements":[{element}]}}'


def _id(billed: Billed, committed: Committed) -> str:
    return f"{billed.org.org_id}/{committed.commitment.contracts}/{billed.month}"

"""The columns of the four datasets of FOCUS 1.4 that are written, and how a value stands in a cell. Makes no row.

A column that FOCUS asks for only of those who have the feature is left out where there is none: docs/focus.md.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

from flybill_pipeline.billing.money.decimals import plain
from flybill_pipeline.billing.money.period import Month

Cell = str | Decimal | datetime | None
"""What a row holds; a text may be JSON already."""
Row = Mapping[str, Cell]


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


COST_AND_USAGE = _names("""
BilledCost BillingAccountId BillingAccountName BillingCurrency BillingPeriodEnd BillingPeriodStart ChargeCategory
ChargeClass ChargeDescription ChargeFrequency ChargePeriodEnd ChargePeriodStart ConsumedQuantity ConsumedUnit
ContractApplied ContractedCost ContractedUnitPrice EffectiveCost HostProviderName InvoiceDetailId InvoiceId
InvoiceIssuerName ListCost PricingCategory PricingQuantity PricingUnit RegionId RegionName ResourceId ResourceName
ResourceType ServiceCategory ServiceName ServiceProviderName ServiceSubcategory SkuId SkuMeter SkuPriceDetails
SkuPriceId Tags x_LineKind x_Quantity x_Unit
""")
INVOICE_DETAIL = _names("""
BilledCost BillingAccountId BillingCurrency BillingPeriodEnd BillingPeriodStart ChargeCategory InvoiceDetailCreated
InvoiceDetailDescription InvoiceDetailGrain InvoiceDetailId InvoiceDetailLastUpdated InvoiceId InvoiceIssueDate
InvoiceIssueStatus InvoiceIssuerName PaymentDueDate PaymentTerms PurchaseOrderNumber ReferenceInvoiceId x_Quantity
x_Unit
""")
BILLING_PERIOD = _names("""
BillingPeriodCreated BillingPeriodEnd BillingPeriodLastUpdated BillingPeriodStart BillingPeriodStatus
InvoiceIssuerName
""")
CONTRACT_COMMITMENT = _names("""
BillingCurrency ContractCommitmentApplicability ContractCommitmentBenefitCategory ContractCommitmentCategory
ContractCommitmentCost ContractCommitmentCreated ContractCommitmentDescription ContractCommitmentDiscountPercentage
ContractCommitmentDurationType ContractCommitmentFulfillmentInterval ContractCommitmentId
ContractCommitmentLastUpdated ContractCommitmentLifecycleStatus ContractCommitmentModel
ContractCommitmentOfferCategory ContractCommitmentPaymentInterval ContractCommitmentPaymentModel
ContractCommitmentPeriodEnd ContractCommitmentPeriodStart ContractCommitmentQuantity ContractCommitmentType
ContractCommitmentUnit ContractId ContractPeriodEnd ContractPeriodStart InvoiceIssuerName ServiceProviderName
""")


def written(value: Cell) -> str:
    """A value as FOCUS writes it: digits without exponent, moments in UTC, nothing for null.

    A number always has a point: readers that guess took the 9 of one file for an integer, and refused the 9.5 of
    the next.
    """
    if value is None or isinstance(value, str):
        return value or ""
    return _with_point(plain(value)) if isinstance(value, Decimal) else moment(value)


def _with_point(digits: str) -> str:
    return digits if "." in digits else f"{digits}.0"


@lru_cache(maxsize=1_000)  # all rows of a month tell the same few
def moment(at: datetime) -> str:
    """Such as 2026-10-01T00:00:00Z."""
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def json_text(values: Mapping[str, str | Decimal]) -> str | None:
    """A JSON object of texts and numbers, sorted by name; a number has all its digits. None for an empty one."""
    if not values:
        return None
    pairs = (
        f"{json.dumps(name)}:{plain(value) if isinstance(value, Decimal) else json.dumps(value)}"
        for name, value in sorted(values.items())
    )
    return f"{{{','.join(pairs)}}}"


def billing_period(month: Month) -> Row:
    """The half-open UTC month in which something is invoiced."""
    return {"BillingPeriodStart": month.start, "BillingPeriodEnd": month.end}

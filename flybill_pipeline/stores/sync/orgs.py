"""An organization as Stripe is to know it, read from its row. Belongs here: reading. Does not: what Stripe knows."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from flybill_pipeline.billing.invoicing.tax_ids import TaxId, UnknownTaxIdError, tax_id_of
from flybill_pipeline.billing.sync.values import Address, SyncOrg
from flybill_pipeline.stores.invoicing.tables import organizations

_PLAIN = (  # in the order of SyncOrg
    "org_id",
    "name",
    "email",
    "stripe_customer_id",
    "collection_method",
    "days_until_due",
    "purchase_order",
)
_ADDRESS = tuple(f"address_{each.name}" for each in fields(Address))

ORG_COLUMNS = tuple(organizations.c[name] for name in (*_PLAIN, *_ADDRESS, "tax_id"))
"""What `org_of` reads."""


def org_of(values: Sequence[Any]) -> SyncOrg:
    """The organization of a row of `ORG_COLUMNS`."""
    address, tax_id = values[len(_PLAIN) : -1], values[-1]
    return replace(
        SyncOrg(*values[: len(_PLAIN)]),
        address=Address(*address) if any(address) else None,
        tax_id=_tax_id(tax_id, address[-1]) if tax_id else None,
    )


def _tax_id(text: str, country: str | None) -> TaxId:
    """The tax id; one that no import would take is left to Stripe to refuse."""
    try:
        return tax_id_of(text, country)
    except UnknownTaxIdError:
        return TaxId("unknown", text)

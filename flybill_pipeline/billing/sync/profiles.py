"""What Stripe is to know of an org at its customer: the fields that flybill owns there, and which changed. No calls.

flybill owns a field from when on an import gave it a value that Stripe did not have. What was told is kept as hashes.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from typing import TypeAlias

from flybill_pipeline.billing.invoicing.tax_ids import TaxId
from flybill_pipeline.billing.sync.values import CustomerProfile, Failure, SyncOrg

NAME, EMAIL, ADDRESS, TAX_ID = "name", "email", "address", "tax_id"
UNSURE = "?"
"""Told, but nobody knows whether Stripe has it."""

Profile: TypeAlias = Mapping[str, str]
"""Per field that Stripe was told a hash of the value. Of the tax id those of all that may stand there, with blanks;
beside UNSURE where the newest of them may be missing."""


def profile_of(org: SyncOrg) -> dict[str, str]:
    """What Stripe is to know of the org; a field that it does not have is absent."""
    address = org.address and [org.address.line1, org.address.city, org.address.postal_code, org.address.state]
    values = {
        NAME: org.name,
        EMAIL: org.email,
        ADDRESS: org.address and json.dumps([*(address or ()), org.address.country]),
    }
    known = {field: _hash(value) for field, value in values.items() if value}
    return known | ({TAX_ID: tax_id_mark(org.tax_id)} if org.tax_id else {})


def tax_id_mark(tax_id: TaxId) -> str:
    """The hash of a tax id, however it is written."""
    return _hash(f"{tax_id.kind}:{''.join(filter(str.isalnum, tax_id.value)).upper()}")


def changed(org: SyncOrg, told: Profile) -> frozenset[str]:
    """The fields that Stripe must be told: those that differ, and those that were taken away."""
    now = profile_of(org)
    return frozenset(field for field in {*now, *told} if now.get(field) != told.get(field))


def unsure(told: Profile, fields: Collection[str]) -> dict[str, str]:
    """What is known while these fields are on their way: of them nothing."""
    return {**told, **dict.fromkeys(fields, UNSURE)}


def after(org: SyncOrg, told: Profile, fields: Collection[str]) -> dict[str, str]:
    """What is known once Stripe has taken these fields of the org."""
    now = profile_of(org)
    kept = {field: mark for field, mark in told.items() if field not in fields}
    return kept | {field: now[field] for field in fields if field in now}


def agreed(org: SyncOrg, there: CustomerProfile) -> dict[str, str]:
    """What is taken as told at a customer that a person linked: what stands there already is never overwritten."""
    standing = {NAME: there.name, EMAIL: there.email, ADDRESS: there.has_address}
    return {field: mark for field, mark in profile_of(org).items() if standing.get(field)}


def wrong_customer(org: SyncOrg, currency: str, there: CustomerProfile, mark: str) -> Failure | None:
    """Why a customer that a person linked looks like another's, or None. `mark` is the org's id as metadata has it."""
    if there.flybill_org_id not in (None, mark):
        what = "was made for another organization, as its metadata says (flybill_org_id)"
    elif there.currency not in (None, currency):
        what = f"is billed in {there.currency} at Stripe, and the invoice is in {currency}"
    else:
        return None
    return Failure(
        kind="org",
        code="customer_of_another",
        message=f"The customer {there.customer_id} {what}: is it this organization's?",
        remedy="Link the org to the right customer (import-orgs), then repair the org. If it is the right one: repair.",
    )


def written(profile: Profile) -> str:
    """A profile as one text."""
    return json.dumps(profile, sort_keys=True)


def read_profile(text: str) -> dict[str, str]:
    """The profile that `written` wrote."""
    profile: dict[str, str] = json.loads(text)
    return profile


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]

"""Whom a question is about: organizations that were imported, by their ids. What they owe is asked elsewhere."""

from collections.abc import Collection

from flybill_pipeline.billing.invoicing.terms import OrgTerms
from flybill_pipeline.billing.usage.graphemes import cut_short
from flybill_pipeline.billing.usage.texts import LONGEST_ID
from flybill_pipeline.stores.invoicing.organizations import Organization
from flybill_pipeline.toolbox.tools import Toolbox


class UnknownOrganizationError(Exception):
    """Nobody imported an organization that was asked for; the message names all of them."""


def organizations(tools: Toolbox, org_ids: Collection[str]) -> list[Organization]:
    """The organizations with these ids; none for no ids. Raises UnknownOrganizationError."""
    if not org_ids:
        return []
    imported = tools.organizations.all(org_ids=org_ids)
    _require_known(org_ids, imported)
    return imported


def organization(tools: Toolbox, org_id: str) -> tuple[Organization, OrgTerms]:
    """The organization with this id, and what it is billed by. Raises UnknownOrganizationError."""
    found = tools.organizations.with_terms([org_id])
    _require_known([org_id], [org for org, _ in found])
    return found[0]


def _require_known(org_ids: Collection[str], imported: Collection[Organization]) -> None:
    known = {org.org_id for org in imported}
    if unknown := [org_id for org_id in org_ids if org_id not in known]:
        short = [cut_short(org_id, LONGEST_ID) for org_id in unknown]
        names = ", ".join(org_id if org_id.strip() else repr(org_id) for org_id in short)
        raise UnknownOrganizationError(f"no such organization: {names}. `flybill import-orgs FILE` adds them.")

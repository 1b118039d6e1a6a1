"""Organizations as a file would name them. No assertions here."""

from flybill_pipeline.stores.invoicing.org_terms import TermsRow
from flybill_pipeline.stores.invoicing.organizations import OrgRow


def org_row(org_id: str, currency: str = "usd", **columns: object) -> OrgRow:
    """A row of a file with these columns; the name is the id where none is given."""
    return OrgRow("test", {"org_id": org_id, "name": org_id, **columns}, TermsRow(currency))

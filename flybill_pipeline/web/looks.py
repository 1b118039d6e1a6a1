"""The templates of the pages, with the parts of statements, and the addresses of pages. No page is made here."""

from urllib.parse import quote

from jinja2 import ChoiceLoader, Environment, PackageLoader

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.exports import looks


def environment() -> Environment:
    """The templates of the pages; those of statements are found beside them."""
    made = looks.environment(ChoiceLoader([PackageLoader("flybill_pipeline.web"), looks.templates()]))
    made.globals.update(page_of=page_of)
    return made


def page_of(org_id: str, month: Month | None = None, line: int | None = None) -> str:
    """The path of an organization's page, of its month's, or of the page of a line."""
    path = f"/orgs/{quote(org_id, safe='', errors='replace')}"
    if month is not None:
        path += f"/months/{month}"
    return path if line is None else f"{path}/lines/{line}"

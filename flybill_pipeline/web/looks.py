"""The templates of the pages, with the parts of statements, and the addresses of pages. No page is made here."""

from functools import cache
from urllib.parse import quote, unquote

from jinja2 import ChoiceLoader, Environment, PackageLoader

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.words.sentence import Language
from flybill_pipeline.exports import looks
from flybill_pipeline.web.charts import HEIGHT, WIDTH

DOTS = {".": "%252E", "..": "%252E%252E"}
"""Ids that a browser would take for "here" and "one up", even as %2E, and how they are written instead."""


@cache
def environment(language: Language) -> Environment:
    """The templates of the pages in a language; those of statements are found beside them."""
    made = looks.environment(ChoiceLoader([PackageLoader("flybill_pipeline.web"), looks.templates()]), language)
    made.globals.update(page_of=page_of, drawing={"width": WIDTH, "height": HEIGHT}, contact=None)
    return made


def page_of(org_id: str, month: Month | None = None, line: int | None = None) -> str:
    """The path of an organization's page, of its month's, or of the page of a line."""
    path = f"/orgs/{_segment(org_id)}"
    if month is not None:
        path += f"/months/{month}"
    return path if line is None else f"{path}/lines/{line}"


def leads_to(segment: str, org_id: str) -> bool:
    """Whether the part of a path, as it was sent, names the organization."""
    return segment == _segment(org_id) or unquote(segment) == org_id


def _segment(org_id: str) -> str:
    return DOTS.get(org_id) or quote(org_id, safe="", errors="replace")

"""The templates and what they may call: amounts, quantities, days and addresses as text. No page is put together here.

Every text is escaped, and what of it does not print is written out, such as a mark that turns the direction of writing.
A name that no page gives is an error, not an empty place.
"""

from datetime import datetime
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from flybill_pipeline.billing.alerts.plain import visible
from flybill_pipeline.billing.money.amounts import format_money
from flybill_pipeline.billing.money.decimals import grouped
from flybill_pipeline.billing.money.period import Month


def environment() -> Environment:
    """The templates of the pages."""
    made = Environment(
        loader=PackageLoader("flybill_pipeline.web"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(money=_money, number=grouped, month_name=month_name, moment=_moment)
    made.tests["web_address"] = _is_web_address
    made.globals.update(page_of=page_of)
    return made


def _visible(value: Any) -> Any:
    """Texts from outside are plain; what templates made already is not."""
    return visible(value) if type(value) is str else value


def page_of(org_id: str, month: Month | None = None, line: int | None = None) -> str:
    """The path of an organization's page, of its month's, or of the page of a line."""
    path = f"/orgs/{quote(org_id, safe='', errors='replace')}"
    if month is not None:
        path += f"/months/{month}"
    return path if line is None else f"{path}/lines/{line}"


def month_name(month: Month) -> str:
    """Such as "October 2026"."""
    return f"{month.first_day:%B %Y}"


def _money(minor: int, currency: str) -> str:
    return format_money(minor, currency)


def _is_web_address(text: str) -> bool:
    """Whether it may be a link: what comes from outside could as well be `javascript:`."""
    return text.startswith(("https://", "http://"))


def _moment(at: datetime) -> str:
    return f"{at:%d %B %Y, %H:%M} UTC"

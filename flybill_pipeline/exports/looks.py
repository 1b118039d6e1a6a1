"""What templates of statements may call: amounts, quantities, months and moments as text. Nothing is decided here.

Every text is escaped, and what of it does not print is written out. A name that nobody gives is an error.
"""

from datetime import UTC, datetime
from typing import Any

from jinja2 import BaseLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from flybill_pipeline.billing.alerts.plain import visible
from flybill_pipeline.billing.money.amounts import format_money
from flybill_pipeline.billing.money.decimals import grouped
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.payments.words import freshness
from flybill_pipeline.billing.pricing.descriptions import counted_in
from flybill_pipeline.exports.statement_json import CREDIT_STATES, note_date
from flybill_pipeline.exports.working_words import step_words


def templates() -> BaseLoader:
    """The templates of this package; `statement.html.j2` has the parts of a statement, for any page."""
    return PackageLoader("flybill_pipeline.exports")


def environment(loader: BaseLoader) -> Environment:
    """An environment in which these templates work, and those that use them."""
    made = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printing,
    )
    made.filters.update(
        money=format_money,
        number=grouped,
        counted_in=lambda quantity, unit: counted_in(unit or "", quantity),
        month_name=month_name,
        moment=_moment,
        day=lambda at: f"{at.astimezone(UTC):%Y-%m-%d}",
        words=step_words,
        freshness=freshness,
        note_date=note_date,
        note_state=lambda note: CREDIT_STATES[note.state],
    )
    made.tests["web_address"] = _is_web_address
    return made


def month_name(month: Month) -> str:
    """Such as "October 2026"."""
    return f"{month.first_day:%B %Y}"


def _printing(value: Any) -> Any:
    """A text with what does not print written out; markup of ours, such as a macro's, stays as it is."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _is_web_address(text: str) -> bool:
    """Whether it may be a link: what comes from outside could as well be `javascript:`."""
    return text.startswith(("https://", "http://"))

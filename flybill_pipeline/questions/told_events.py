"""What the platform is told of an event: the fact, and what its customer reads of it. Nothing is sent or kept here."""

from collections.abc import Mapping
from typing import Any

from flybill_pipeline.billing.alerts.events import Event
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.words.english import english
from flybill_pipeline.questions.organizations import UnknownOrganizationError
from flybill_pipeline.questions.owed import owed
from flybill_pipeline.stripe_gateway.invoice_page import statement_link
from flybill_pipeline.toolbox.tools import Toolbox

UNKNOWN = "We do not know this organization yet."


def event_data(tools: Toolbox, event: Event) -> dict[str, Any]:
    """Plain data: amounts in minor units, sentences as `flybill owes` says them at this moment."""
    return {
        "org_id": event.org_id,
        "month": event.month,
        **_said(tools, event),
        **event.fact,
        "link": _link(tools, event),
    }


def _said(tools: Toolbox, event: Event) -> Mapping[str, Any]:
    """What the customer reads of the month; nothing where the fact has words of its own."""
    if event.month is None or "message" in event.fact:
        return {}
    try:
        answer = owed(tools, event.org_id, Month.parse(event.month))
    except UnknownOrganizationError:
        return {"state": "held", "message": UNKNOWN}
    said = answer.statement
    return {
        "state": said.state,
        "message": english(*said.message),
        "next_step": english(said.next_step),
        "currency": answer.facts.currency,
    }


def _link(tools: Toolbox, event: Event) -> str | None:
    address = tools.settings.statement_url
    if address is None or event.month is None:
        return None
    return statement_link(address, event.org_id, Month.parse(event.month))

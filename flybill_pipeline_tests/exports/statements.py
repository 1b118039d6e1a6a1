"""Answers to be written as files, put together from lines and notes. No assertions here."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.payments.credit_notes import CreditNote
from flybill_pipeline.billing.payments.month_facts import MonthFacts
from flybill_pipeline.billing.payments.polls import Poll
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.pricing.portions import Portion
from flybill_pipeline.billing.pricing.working import WorkingStep
from flybill_pipeline.billing.words.outlook import freshness_words
from flybill_pipeline.billing.words.statement import statement
from flybill_pipeline.questions.owed import Owed
from flybill_pipeline.stores.invoicing.organizations import Organization

MONTH = Month.parse("2025-10")
NOW = datetime(2025, 11, 20, 12, tzinfo=UTC)


def line(amount_minor: int = 500, **more: Any) -> LineItem:
    """One line of usage, in dollars unless `more` says another currency."""
    values: dict[str, Any] = {
        "kind": "usage",
        "line_id": "l1",
        "meter": "machine_seconds",
        "dimensions": {},
        "service_month": MONTH,
        "quantity": Decimal(250),
        "unit": "second",
        "amount": Decimal(amount_minor) / 100,
        "amount_minor": amount_minor,
        "currency": "usd",
        "description": "Machines · 250 seconds @ $0.02",
        "title": "Machines",
    }
    return LineItem(**{**values, **more})


def by_app(amount_minor: int, web: str = "web") -> LineItem:
    """A line that is shown by its apps, with its working."""
    rest = amount_minor * 3 // 4
    portions = (
        Portion({"app": web}, Decimal(150), rest),
        Portion({"app": "worker"}, Decimal(100), amount_minor - rest),
    )
    steps = (
        WorkingStep("free_units", quantity=Decimal(50)),
        WorkingStep("tier", Decimal(5), quantity=Decimal(200), unit_amount=Decimal("0.025"), from_quantity=Decimal(50)),
    )
    return line(amount_minor, dimensions={"region": "iad"}, portions=portions, working=steps)


def credit_note(amount_minor: int, **more: Any) -> CreditNote:
    """A credit note of the first line, issued at Stripe."""
    values: dict[str, Any] = {
        "credit_note_id": "cn_1",
        "number": "FB-2025-10-000001-C1",
        "invoice_id": "inv_1",
        "org_id": "acme",
        "month": str(MONTH),
        "line_no": 1,
        "amount_minor": amount_minor,
        "currency": "usd",
        "reason": "slow disks",
        "by": "ada",
        "nth": 1,
        "requested_at": NOW,
        "state": "issued",
        "issued_at": NOW,
    }
    return CreditNote(**{**values, **more})


def owed(lines: Sequence[LineItem], notes: Sequence[CreditNote] = (), name: str = "Acme", **facts: Any) -> Owed:
    """What acme owes for these lines, invoiced unless `facts` say otherwise."""
    values = {"outcome": "invoiced", "sync_state": "new", "invoice_number": "FB-2025-10-000001"}
    total = sum(each.amount_minor for each in lines)
    known = MonthFacts(
        **{"month": MONTH, "currency": "usd", "total_minor": total, "usage_up_to": None, **values, **facts}
    )
    said = statement(known, NOW, 3, notes)
    fresh = freshness_words(known.usage_up_to, (), NOW)
    return Owed(Organization("acme", name, "usd"), known, said, lines, notes, Poll(read_up_to=NOW), freshness=fresh)

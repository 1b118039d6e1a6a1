"""The statement as JSON: `flybill owes --json`, and the file that is kept. No number is made here."""

import json
from datetime import UTC, date, datetime
from typing import cast

from flybill_pipeline.billing.money.decimals import plain
from flybill_pipeline.billing.payments.credit_notes import CreditNote
from flybill_pipeline.billing.payments.month_facts import MonthFacts
from flybill_pipeline.billing.payments.standing import Payment
from flybill_pipeline.billing.pricing.breakdowns import Breakdown
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.pricing.portions import portions_data
from flybill_pipeline.billing.pricing.working import working_data
from flybill_pipeline.billing.words.english import ENGLISH
from flybill_pipeline.billing.words.outlook import forecast_words
from flybill_pipeline.billing.words.sentence import Language, say
from flybill_pipeline.billing.words.statement import Statement
from flybill_pipeline.exports.changed_json import changed_data
from flybill_pipeline.exports.shapes import (
    BreakdownJson,
    BudgetJson,
    CreditNoteJson,
    ForecastJson,
    LineJson,
    MonthJson,
    OwedJson,
    PaymentJson,
    PortionJson,
)
from flybill_pipeline.questions.budgets import BudgetState
from flybill_pipeline.questions.owed import Owed

CREDIT_STATES = {"new": "pending", "issued": "issued", "blocked": "refused", "mismatch": "differs"}
"""What the states of a credit note are called where people and programs read them."""


def statement_json(owed: Owed, language: Language = ENGLISH) -> str:
    """The text that `flybill owes --json` prints, whatever control characters the answer holds."""
    return json.dumps(owed_data(owed, language), indent=2).replace("\x7f", "\\u007f") + "\n"


def owed_data(owed: Owed, language: Language = ENGLISH) -> OwedJson:
    """The JSON of `flybill owes`."""
    facts, statement = owed.facts, owed.statement
    return {
        "org_id": owed.org.org_id,
        **month_data(facts, statement, language),
        "forecast_minor": statement.forecast.minor if statement.forecast else facts.total_minor,
        "forecast": forecast_data(owed, language),
        "usage_up_to": _moment(facts.usage_up_to),
        "freshness": say(language, *owed.freshness),
        "files_unread": owed.files_unread,
        "days_unrecorded": owed.days_unrecorded,
        "left": [say(language, each) for each in owed.left],
        "hosted_invoice_url": facts.payment.hosted_invoice_url if facts.payment else None,
        "payment": payment_data(facts.payment) if facts.payment else None,
        "payments_as_of": _moment(owed.poll.read_up_to),
        "lines": [line_data(line) for line in owed.lines],
        "breakdowns": [breakdown_data(each) for each in owed.breakdowns],
        "credit_notes": [note_data(note) for note in owed.credit_notes],
        "left_minor": owed.left_minor,
        "budgets": [budget_data(each, language) for each in owed.budgets],
        "changed": changed_data(owed.changed, language) if owed.changed else None,
    }


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def forecast_data(owed: Owed, language: Language) -> ForecastJson | None:
    """What a month that still runs may come to, with its range; None of another."""
    facts, forecast = owed.facts, owed.statement.forecast
    if owed.statement.state != "open" or facts.currency is None or forecast is None:
        return None
    return {
        "minor": forecast.minor,
        "low_minor": forecast.low_minor,
        "high_minor": forecast.high_minor,
        "days": forecast.days,
        "message": say(language, *forecast_words(forecast, facts.currency, facts.standing_minor)),
    }


def month_data(facts: MonthFacts, statement: Statement, language: Language = ENGLISH) -> MonthJson:
    """Where a month stands."""
    return {
        "month": str(facts.month),
        "state": statement.state,
        "message": say(language, *statement.message),
        "next_step": say(language, statement.next_step),
        "currency": facts.currency,
        "total_minor": facts.total_minor,
        "invoice_number": facts.invoice_number,
    }


def line_data(line: LineItem) -> LineJson:
    """One line as JSON."""
    return {
        "kind": line.kind,
        "meter": line.meter,
        "name": line.title,
        "dimensions": dict(line.dimensions),
        "service_month": str(line.service_month),
        "quantity": plain(line.quantity),
        "unit": line.unit,
        "amount_minor": line.amount_minor,
        "description": line.description,
        "working": working_data(line.working),
        "portions": cast("list[PortionJson]", portions_data(line.portions)),
    }


def breakdown_data(breakdown: Breakdown) -> BreakdownJson:
    """A statement by the values of one dimension, as JSON."""
    return {
        "name": breakdown.name,
        "shares": [{"value": each.value, "amount_minor": each.amount_minor} for each in breakdown.shares],
        "without_minor": breakdown.without_minor,
        "others_minor": breakdown.others_minor,
    }


def payment_data(payment: Payment) -> PaymentJson:
    """One payment: its members, times as text."""
    values = {name: getattr(payment, name) for name in Payment.__slots__}
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in values.items()}


def note_data(note: CreditNote) -> CreditNoteJson:
    """One credit note as JSON, as its customer may read it."""
    return {
        "number": note.number,
        "credit_note_id": note.credit_note_id,
        "org_id": note.org_id,
        "month": note.month,
        "line": note.line_no,
        "amount_minor": note.amount_minor,
        "currency": note.currency,
        "reason": note.reason,
        "date": note_day(note).isoformat(),
        "state": CREDIT_STATES[note.state],
        "to_balance_minor": note.balance_minor if note.state == "issued" else None,
        "stripe_credit_note_id": note.stripe_credit_note_id,
        "stripe_number": note.stripe_number,
    }


def budget_data(state: BudgetState, language: Language = ENGLISH) -> BudgetJson:
    """One budget as JSON, with what of it is spent."""
    budget = state.budget
    return {
        "budget_id": budget.budget_id,
        "name": budget.name,
        "scope": dict(budget.scope),
        "amount_minor": budget.amount_minor,
        "currency": budget.currency,
        "thresholds": list(budget.thresholds),
        "spent_minor": state.spent_minor,
        "percent": state.percent,
        "forecast_minor": state.forecast_minor,
        "message": say(language, *state.words),
    }


def note_day(note: CreditNote) -> date:
    """The day on which it was issued; while it is not, on which it was asked for."""
    return (note.issued_at or note.requested_at).astimezone(UTC).date()

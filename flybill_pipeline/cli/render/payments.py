"""How payments look to a person at a terminal, and as JSON. No queries, no decisions, no sentences of its own."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flybill_pipeline.billing.money.amounts import format_money
from flybill_pipeline.billing.payments.polls import Poll
from flybill_pipeline.billing.payments.standing import Payment
from flybill_pipeline.billing.payments.words import customer_words, freshness, freshness_explained, operator_sentence
from flybill_pipeline.stores.payments.standing import InvoicePayment, MonthPayments

MOST = 20
out = Console(highlight=False, soft_wrap=True)


def show_document(payment: Payment, poll: Poll) -> None:
    """Where the customer finds the document, and how fresh the payment is."""
    if payment.invoice_pdf:
        out.print(f"PDF: {escape(payment.invoice_pdf)}")
    out.print(escape(freshness(poll)))


def show_payments(payments: MonthPayments) -> None:
    """A month's payments by state, their money by currency, and those that an operator should look at."""
    if not payments.states:
        return
    out.print("\n[bold]payments[/bold]: " + ", ".join(f"{n} {_plain(state)}" for state, n in payments.states.items()))
    _show_money(payments.money)
    for entry in payments.worrying[:MOST]:
        out.print(f"[yellow]{escape(entry.org_id)}[/yellow] ({_plain(entry.payment.state)}, invoice {entry.number})")
        out.print(f"  what happened: {operator_sentence(entry.payment)}")
        out.print(f"  customer sees: {escape(' '.join(_customer(entry)))}")
    if len(payments.worrying) > MOST:
        out.print(f"… and {len(payments.worrying) - MOST} more: `flybill status MONTH --json` lists all of them")
    out.print(escape(freshness_explained(payments.poll)))


def _show_money(money: Mapping[str, Mapping[str, int]]) -> None:
    """One row a currency, without the columns in which there is nothing."""
    names = [name for name in next(iter(money.values())) if any(total[name] for total in money.values())]
    table = Table(box=None, pad_edge=False)
    table.add_column("currency")
    for name in names:
        table.add_column(name, justify="right")
    for currency, total in money.items():
        table.add_row(currency, *(format_money(total[name], currency) for name in names))
    out.print(table)


def payments_data(payments: MonthPayments) -> dict[str, Any]:
    """The member `payments` of the JSON of `flybill status`."""
    return {
        "states": dict(payments.states),
        "totals": {
            currency: {f"{name}_minor": minor for name, minor in total.items()}
            for currency, total in payments.money.items()
        },
        "worrying": [_worry(entry) for entry in payments.worrying],
        "not_ours": payments.not_ours,
        **poll_data(payments.poll),
    }


def poll_data(poll: Poll) -> dict[str, Any]:
    """How fresh payments are, for machines and in words."""
    return {
        "as_of": poll.read_up_to and poll.read_up_to.isoformat(),
        "failing_since": poll.failing_since and poll.failing_since.isoformat(),
        "fell_back_at": poll.fell_back_at and poll.fell_back_at.isoformat(),
        "freshness": freshness_explained(poll),
    }


def payment_data(payment: Payment) -> dict[str, Any]:
    """One payment: its members, times as text."""
    values = {name: getattr(payment, name) for name in Payment.__slots__}
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in values.items()}


def _worry(entry: InvoicePayment) -> dict[str, Any]:
    return {
        "org_id": entry.org_id,
        "invoice_number": entry.number,
        "state": entry.payment.state,
        "message": operator_sentence(entry.payment),
        "customer_message": " ".join(_customer(entry)),
        "open_minor": entry.payment.open_minor,
        "currency": entry.payment.currency,
    }


def _customer(entry: InvoicePayment) -> tuple[str, str]:
    return customer_words(entry.payment, f"Invoice {entry.number}")


def _plain(state: str) -> str:
    return state.replace("_", " ")

"""How payments look to an operator, and as JSON. No queries, no decisions; the sentences are billing's."""

from collections.abc import Mapping
from typing import Any

from flybill_pipeline.billing.money.amounts import format_money
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.payments.polls import Poll
from flybill_pipeline.billing.payments.words import freshness_explained, operator_sentence
from flybill_pipeline.billing.words.english import english
from flybill_pipeline.billing.words.payments import payment_words
from flybill_pipeline.cli.render import screen
from flybill_pipeline.questions.payments import PaymentsKept
from flybill_pipeline.stores.payments.standing import InvoicePayment, MonthPayments

MOST = 20


def show_payments(payments: MonthPayments) -> None:
    """A month's payments by state, their money by currency, and those that an operator should look at."""
    if not payments.states:
        return
    screen.line()
    states = ", ".join(f"{count} {_plain(state)}" for state, count in payments.states.items())
    screen.line(screen.strong("payments"), f": {states}")
    _show_money(payments.money)
    for entry in payments.worrying[:MOST]:
        screen.line(screen.warning(entry.org_id), f" ({_plain(entry.payment.state)}, invoice {entry.number})")
        customer_sees = _customer(payments.month, entry)
        screen.fields({"what happened": operator_sentence(entry.payment), "customer sees": customer_sees})
    if len(payments.worrying) > MOST:
        screen.line(f"… and {len(payments.worrying) - MOST} more: `flybill status MONTH --json` lists all of them")
    screen.line(freshness_explained(payments.poll))


def _show_money(money: Mapping[str, Mapping[str, int]]) -> None:
    """One row a currency, without the columns in which there is nothing."""
    names = [name for name in next(iter(money.values())) if any(total[name] for total in money.values())]
    rows = [(currency, *(format_money(total[name], currency) for name in names)) for currency, total in money.items()]
    screen.table(("currency", *names), rows, right=names)


def payments_data(payments: MonthPayments) -> dict[str, Any]:
    """The member `payments` of the JSON of `flybill status`."""
    return {
        "states": dict(payments.states),
        "totals": {
            currency: {f"{name}_minor": minor for name, minor in total.items()}
            for currency, total in payments.money.items()
        },
        "worrying": [_worry(payments.month, entry) for entry in payments.worrying],
        "not_ours": payments.not_ours,
        **poll_data(payments.poll),
    }


def show_read(before: PaymentsKept, after: PaymentsKept) -> None:
    """What a reading of payments brought."""
    screen.line(_message(before, after))
    for reason, count in after.unread.items():
        screen.line(screen.warning("not read"), f": {screen.counted(count, 'pushed event')}: {reason}")


def read_data(before: PaymentsKept, after: PaymentsKept) -> dict[str, Any]:
    """The JSON of `flybill payments`."""
    new = {"new": after.ours - before.ours, "not_ours": after.not_ours - before.not_ours}
    unread = {"unread_events": dict(after.unread)}
    return {**new, **poll_data(after.poll), **unread, "message": _message(before, after)}


def _message(before: PaymentsKept, after: PaymentsKept) -> str:
    return f"{after.ours - before.ours} new observations. {freshness_explained(after.poll)}"


def poll_data(poll: Poll) -> dict[str, Any]:
    """How fresh payments are, for machines and in words."""
    return {
        "as_of": poll.read_up_to and poll.read_up_to.isoformat(),
        "failing_since": poll.failing_since and poll.failing_since.isoformat(),
        "fell_back_at": poll.fell_back_at and poll.fell_back_at.isoformat(),
        "freshness": freshness_explained(poll),
    }


def _worry(month: Month, entry: InvoicePayment) -> dict[str, Any]:
    return {
        "org_id": entry.org_id,
        "invoice_number": entry.number,
        "state": entry.payment.state,
        "message": operator_sentence(entry.payment),
        "customer_message": _customer(month, entry),
        "open_minor": entry.payment.open_minor,
        "currency": entry.payment.currency,
    }


def _customer(month: Month, entry: InvoicePayment) -> str:
    return english(*payment_words(entry.payment, entry.number, month))


def _plain(state: str) -> str:
    return state.replace("_", " ")

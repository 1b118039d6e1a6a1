"""Where the money of finalized invoices stands, derived from what is kept whenever somebody asks. Only reads."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, func, select

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.payments.polls import Poll
from flybill_pipeline.billing.payments.standing import NOT_KEPT, WORRYING, Observation, Payment, payment_of
from flybill_pipeline.stores.invoicing.tables import invoices
from flybill_pipeline.stores.payments.intake import PaymentIntake
from flybill_pipeline.stores.payments.tables import payment_observations
from flybill_pipeline.stores.sync.tables import stripe_sync

# In the order of Observation's members, the last of which are not stored.
_OBSERVED = [payment_observations.c[field.name] for field in fields(Observation) if field.name not in NOT_KEPT]
MONEY = ("due", "paid", "open", "uncollectible", "disputed", "lost", "refunded", "credited", "voided")


@dataclass(frozen=True, slots=True)
class InvoicePayment:
    """The payment of one invoice of ours."""

    month: Month
    org_id: str
    number: str
    payment: Payment


@dataclass(frozen=True, slots=True)
class MonthPayments:
    """A month's payments at a glance: invoices by state, and minor units by currency and by the words of MONEY.

    `worrying` are those that an operator should look at. `poll` says how fresh all of it is; `not_ours` counts the
    observations, of whatever month, that are about invoices of somebody else in the same Stripe account.
    """

    month: Month
    states: Mapping[str, int]
    money: Mapping[str, Mapping[str, int]]
    worrying: Sequence[InvoicePayment]
    poll: Poll
    not_ours: int


class Payments:
    """Read-only views over the observations, joined with what the sync knows."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of_org(self, org_id: str, month: Month, now: datetime) -> Payment | None:
        """The payment of an org's invoice; None while there is none at Stripe."""
        return self.of_months(org_id, [month], now).get(month)

    def of_months(self, org_id: str, months: Collection[Month], now: datetime) -> dict[Month, Payment]:
        """The payments of an org's invoices, by month; a month without an invoice at Stripe has none."""
        which = invoices.c.month.in_(list(map(str, months))) & (invoices.c.org_id == org_id)
        return {row.month: row.payment for row in self._payments(which, now)}

    def of_month(self, month: Month, now: datetime) -> MonthPayments:
        """All payments of a month."""
        payments = self._payments(invoices.c.month == str(month), now)
        states: dict[str, int] = defaultdict(int)
        for row in payments:
            states[row.payment.state] += 1
        return MonthPayments(
            month=month,
            states=dict(sorted(states.items())),
            money=_money(row.payment for row in payments),
            worrying=[row for row in payments if row.payment.state in WORRYING],
            poll=self.poll(),
            not_ours=self.counts()[1],
        )

    def poll(self) -> Poll:
        """How far Stripe's events are read."""
        return PaymentIntake(self._engine).poll()

    def counts(self) -> tuple[int, int]:
        """How many observations are kept about invoices of ours, and about somebody else's."""
        ours = func.count(payment_observations.c.invoice_id)
        with self._engine.connect() as connection:
            known, total = connection.execute(select(ours, func.count()).select_from(payment_observations)).one()
        return known, total - known

    def _payments(self, which: ColumnElement[bool], now: datetime) -> list[InvoicePayment]:
        with self._engine.connect() as connection:
            seen = _seen(connection, which)
            return [
                InvoicePayment(
                    Month.parse(row.month),
                    row.org_id,
                    row.number,
                    payment_of([_by_the_sync(row), *seen[row.invoice_id]], now),
                )
                for row in connection.execute(_synced(which))
                if row.state == "finalized" and row.stripe_invoice_id is not None
            ]


def _synced(which: ColumnElement[bool]) -> Any:
    """The invoices as the sync left them; nearly all of a month are finalized.

    The others are not left out here: by an index of states Postgres may compare each invoice with each, where its
    statistics are of a time when few were finalized.
    """
    there = stripe_sync.c
    return (
        select(
            invoices.c.invoice_id,
            invoices.c.month,
            invoices.c.org_id,
            invoices.c.number,
            invoices.c.currency,
            invoices.c.finalized_at,
            there.state,
            there.stripe_invoice_id,
            there.stripe_status,
            there.stripe_amount_due_minor,
            there.hosted_invoice_url,
        )
        .join(stripe_sync, there.invoice_id == invoices.c.invoice_id)
        .where(which)
        .order_by(invoices.c.org_id)
    )


def _seen(connection: Connection, which: ColumnElement[bool]) -> Mapping[str, list[Observation]]:
    """What was seen, by our invoice; not what was seen of a voided copy of it."""
    query = (
        select(payment_observations.c.invoice_id, *_OBSERVED)
        .join(invoices, invoices.c.invoice_id == payment_observations.c.invoice_id)
        .join(stripe_sync, stripe_sync.c.stripe_invoice_id == payment_observations.c.stripe_invoice_id)
        .where(which)
    )
    by_invoice: dict[str, list[Observation]] = defaultdict(list)
    for invoice_id, *values in connection.execute(query):
        by_invoice[invoice_id].append(Observation(*values))
    return by_invoice


def _by_the_sync(row: Row[Any]) -> Observation:
    """What the sync saw when it finalized the invoice, before anything that an event tells."""
    return Observation(
        observation_id="",
        kind="invoice",
        object_id=row.stripe_invoice_id,
        status=row.stripe_status,
        currency=row.currency,
        amount_minor=row.stripe_amount_due_minor,
        seen_at=row.finalized_at,
        stripe_invoice_id=row.stripe_invoice_id,
        hosted_invoice_url=row.hosted_invoice_url,
    )


def _money(payments: Iterable[Payment]) -> dict[str, dict[str, int]]:
    totals: dict[str, dict[str, int]] = {}
    for payment in payments:
        total = totals.setdefault(payment.currency, dict.fromkeys(MONEY, 0))
        given_up, voided = payment.state == "uncollectible", payment.state == "voided"
        total["due"] += payment.due_minor
        total["paid"] += payment.paid_minor
        total["uncollectible" if given_up else "open"] += payment.open_minor
        total["disputed"] += payment.disputed_minor
        total["lost"] += payment.lost_minor
        total["refunded"] += payment.refunded_minor
        total["credited"] += payment.credited_minor
        total["voided"] += payment.due_minor if voided else 0
    return dict(sorted(totals.items()))

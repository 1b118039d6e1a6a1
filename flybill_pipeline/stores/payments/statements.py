"""What operators and customers read: the status of a month, the statement of an org. Only reads; changes nothing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    Engine,
    Select,
    Subquery,
    Text,
    case,
    cast,
    func,
    literal,
    null,
    select,
    true,
    union,
    union_all,
)

from flybill_pipeline.billing.invoicing.left_behind import (
    CLOSE,
    IMPORT_AND_CLOSE,
    IMPORTED_WORDS,
    UNKNOWN_ORG,
    UNKNOWN_WORDS,
)
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.payments.credit_notes import CreditNote
from flybill_pipeline.billing.payments.month_facts import MonthFacts
from flybill_pipeline.billing.sync.values import AT_REST
from flybill_pipeline.stores.invoicing.tables import (
    audit,
    drafts,
    invoices,
    organizations,
    outcomes,
)
from flybill_pipeline.stores.payments.credit_notes import notes_where
from flybill_pipeline.stores.pricing.tables import too_late_usage
from flybill_pipeline.stores.sync.breaker import SyncBreaker
from flybill_pipeline.stores.sync.tables import stripe_customers, stripe_sync


@dataclass(frozen=True, slots=True)
class FailedOrgMonth:
    """One org whose month is not done: what happened, what to do about it, what the customer is told.

    `kind` (of a sync) is transient, org, mismatch or everyone; `request_id` finds the call in Stripe's own log.
    """

    org_id: str
    stage: str
    code: str
    message: str
    remedy: str
    customer_message: str
    attempts: int
    next_attempt_at: datetime | None
    kind: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class MonthStatus:
    """One month at a glance. Totals per currency in minor units; `calls` counts every request the sync made for it.

    `too_late` are the orgs with usage that came when neither this month nor an earlier one could bill it.
    `released` says who released a held month, and why; `credit_notes` what was credited of the month's invoices since.
    """

    month: Month
    organizations: int
    undecided: int
    outcomes: Mapping[str, int]
    sync: Mapping[str, int]
    totals: Mapping[str, Mapping[str, int]]
    failures: Sequence[FailedOrgMonth]
    calls: int
    lines: int
    too_late: int
    released: Sequence[Mapping[str, Any]]
    credit_notes: Sequence[CreditNote]


class Statements:
    """Read-only views over the billing tables."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._breaker = SyncBreaker(engine)

    def month(self, month: Month) -> MonthStatus:
        """Where a month stands."""
        with self._engine.connect() as connection:
            return MonthStatus(month=month, failures=self.failures(month), **_month_numbers(connection, month))

    def totals(self, month: Month, shard: int | None = None) -> dict[str, dict[str, int]]:
        """Per currency what was invoiced here, and what Stripe said of it when it finalized the invoices."""
        with self._engine.connect() as connection:
            return _totals(connection, month, shard)

    def failures(self, month: Month, org_ids: Collection[str] = ()) -> list[FailedOrgMonth]:
        """The orgs whose month a person or a retry must bring to its end, in order of org ids."""
        query = union_all(_held(month), _unsynced(month)).subquery()
        rows = select(query).order_by(query.c.org_id)
        if org_ids:
            rows = rows.where(query.c.org_id.in_(org_ids))
        with self._engine.connect() as connection:
            return [FailedOrgMonth(**row._mapping) for row in connection.execute(rows)]

    def facts(self, org_id: str, month: Month) -> MonthFacts | None:
        """What is known of one org's month; None for an org that nothing is known about."""
        asked = select(literal(str(month)).label("month")).subquery("months")
        return next(iter(self._facts_of(_facts(org_id, asked))), None)

    def history(self, org_id: str, most: int) -> list[MonthFacts]:
        """What is known of an org's months that were priced or settled, the newest first; at most so many."""
        months = union(*(select(each.c.month).where(each.c.org_id == org_id) for each in (drafts, outcomes)))
        known = months.subquery("months")
        return self._facts_of(_facts(org_id, known).order_by(known.c.month.desc()).limit(most))

    def _facts_of(self, query: Select[Any]) -> list[MonthFacts]:
        with self._engine.connect() as connection:
            rows = [dict(row._mapping) for row in connection.execute(query)]
        facts = [MonthFacts(month=Month.parse(row.pop("month")), **row) for row in rows]
        waiting = {each.month for each in facts if each.invoice_number and each.sync_state not in AT_REST}
        if not waiting or (breaker := self._breaker.state()) is None:
            return facts
        return [replace(each, delay=breaker.cause) if each.month in waiting else each for each in facts]


def _month_numbers(connection: Connection, month: Month) -> dict[str, Any]:
    decided = _counts(connection, outcomes.c.outcome, outcomes.c.month == str(month))
    of_month = stripe_sync.c.invoice_id.in_(select(invoices.c.invoice_id).where(invoices.c.month == str(month)))
    imported = connection.execute(select(func.count()).select_from(organizations)).scalar_one()
    imported_too = select(organizations.c.org_id).where(organizations.c.org_id == outcomes.c.org_id).exists()
    strangers = select(func.count()).select_from(outcomes).where(outcomes.c.month == str(month), ~imported_too)
    too_late = select(func.count(too_late_usage.c.org_id.distinct())).where(too_late_usage.c.month == str(month))
    known = int(imported) + int(connection.execute(strangers).scalar_one())
    return {
        "organizations": known,
        "undecided": known - sum(decided.values()),
        "outcomes": decided,
        "sync": _counts(connection, stripe_sync.c.state, of_month),
        "totals": _totals(connection, month),
        "calls": _sum(connection, stripe_sync.c.calls, of_month),
        "released": [dict(row._mapping) for row in connection.execute(_released(month))],
        "credit_notes": notes_where(connection, invoices.c.month == str(month)),
        "too_late": int(connection.execute(too_late).scalar_one()),
        "lines": _sum(connection, invoices.c.line_count, invoices.c.month == str(month)),
    }


def _counts(connection: Connection, what: ColumnElement[str], where: ColumnElement[bool]) -> dict[str, int]:
    rows = connection.execute(select(what, func.count()).where(where).group_by(what).order_by(what))
    return {str(value): int(count) for value, count in rows}


def _sum(connection: Connection, what: ColumnElement[int], where: ColumnElement[bool]) -> int:
    return int(connection.execute(select(func.coalesce(func.sum(what), 0)).where(where)).scalar_one())


def _totals(connection: Connection, month: Month, shard: int | None = None) -> dict[str, dict[str, int]]:
    there = case((stripe_sync.c.state == "finalized", stripe_sync.c.stripe_subtotal_minor), else_=0)
    query = (
        select(invoices.c.currency, func.sum(invoices.c.subtotal_minor), func.coalesce(func.sum(there), 0))
        .outerjoin(stripe_sync, stripe_sync.c.invoice_id == invoices.c.invoice_id)
        .where(invoices.c.month == str(month), true() if shard is None else invoices.c.shard == shard)
        .group_by(invoices.c.currency)
        .order_by(invoices.c.currency)
    )
    return {
        currency: {"invoiced_minor": int(ours), "synced_minor": int(theirs)}
        for currency, ours, theirs in connection.execute(query)
    }


def _released(month: Month) -> Select[Any]:
    entry = audit.c
    names = (entry.org_id, entry.by, entry.reason, entry.code, entry.total_minor, entry.at)
    return select(*names).where(entry.month == str(month), entry.action == "released").order_by(entry.entry_id)


def _held(month: Month) -> Select[Any]:
    """Organizations that are held; of one that was imported since, what is left to do."""
    held = outcomes.c
    imported = select(organizations.c.org_id).where(organizations.c.org_id == held.org_id).exists()
    done = (held.code == UNKNOWN_ORG) & imported
    message = case((done, func.replace(held.message, UNKNOWN_WORDS, IMPORTED_WORDS)), else_=held.message)
    remedy = case((done, func.replace(held.remedy, IMPORT_AND_CLOSE, CLOSE)), else_=held.remedy)
    return select(
        held.org_id,
        literal("finalize").label("stage"),
        func.coalesce(held.code, "held").label("code"),
        func.coalesce(message, "").label("message"),
        func.coalesce(remedy, "").label("remedy"),
        func.coalesce(held.customer_message, "").label("customer_message"),
        literal(0).label("attempts"),
        cast(null(), DateTime(timezone=True)).label("next_attempt_at"),
        cast(null(), Text).label("kind"),
        cast(null(), Text).label("request_id"),
    ).where(held.month == str(month), held.outcome == "held")


def _unsynced(month: Month) -> Select[Any]:
    """Invoices that are not in Stripe and for which an error is known; the customer's row may hold the error."""
    customer = stripe_customers
    failed = case((stripe_sync.c.error_code.is_not(None), 1), else_=0)

    def of(name: str) -> ColumnElement[Any]:
        return case((failed == 1, stripe_sync.c[name]), else_=customer.c[name])

    return (
        select(
            invoices.c.org_id,
            literal("sync").label("stage"),
            func.coalesce(of("error_code"), of("error_kind"), "unknown").label("code"),
            func.coalesce(of("error_message"), "").label("message"),
            func.coalesce(of("error_remedy"), "").label("remedy"),
            func.coalesce(of("error_customer_message"), "").label("customer_message"),
            of("attempts").label("attempts"),
            of("next_attempt_at").label("next_attempt_at"),
            of("error_kind").label("kind"),
            of("request_id").label("request_id"),
        )
        .join(stripe_sync, stripe_sync.c.invoice_id == invoices.c.invoice_id)
        .outerjoin(customer, customer.c.org_id == invoices.c.org_id)
        .where(invoices.c.month == str(month), stripe_sync.c.state != "finalized")
        .where(stripe_sync.c.error_kind.is_not(None) | customer.c.error_kind.is_not(None))
    )


def _facts(org_id: str, months: Subquery) -> Select[Any]:
    of_month = {
        table: (table.c.month == months.c.month) & (table.c.org_id == org_id) for table in (outcomes, invoices, drafts)
    }
    total = func.coalesce(invoices.c.subtotal_minor, outcomes.c.total_minor, drafts.c.total_minor, 0)
    return (
        select(
            months.c.month,
            # A settled month keeps its currency, whatever the organization is billed in by now.
            func.coalesce(invoices.c.currency, outcomes.c.currency, organizations.c.currency).label("currency"),
            total.label("total_minor"),
            func.coalesce(invoices.c.usage_up_to, drafts.c.usage_up_to).label("usage_up_to"),
            outcomes.c.outcome,
            outcomes.c.code.label("outcome_code"),
            stripe_sync.c.state.label("sync_state"),
            func.coalesce(stripe_sync.c.error_code, stripe_customers.c.error_code).label("sync_code"),
            stripe_sync.c.stripe_total_minor.label("total_there_minor"),
            invoices.c.number.label("invoice_number"),
        )
        .select_from(organizations)
        .join(months, true())
        .outerjoin(drafts, of_month[drafts])
        .outerjoin(outcomes, of_month[outcomes])
        .outerjoin(invoices, of_month[invoices])
        .outerjoin(stripe_sync, stripe_sync.c.invoice_id == invoices.c.invoice_id)
        .outerjoin(stripe_customers, stripe_customers.c.org_id == invoices.c.org_id)
        .where(organizations.c.org_id == org_id)
    )

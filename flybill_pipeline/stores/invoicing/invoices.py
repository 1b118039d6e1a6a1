"""Finalized invoices, outcomes and carried amounts: inserted together, never changed. No drafts, no Stripe answers."""

import shlex
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Connection,
    Engine,
    Select,
    TableValuedAlias,
    Text,
    any_,
    cast,
    func,
    insert,
    literal,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert

from flybill_pipeline.billing.invoicing.invoice import invoice_id, invoice_number
from flybill_pipeline.billing.invoicing.outcomes import HELD
from flybill_pipeline.billing.invoicing.settlement import DraftTotal, Settlement
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.usage.aliases import WAITING
from flybill_pipeline.stores.invoicing.drafts import lock_shard
from flybill_pipeline.stores.invoicing.holds import record_holds
from flybill_pipeline.stores.invoicing.items import overdrawn
from flybill_pipeline.stores.invoicing.settled import settled
from flybill_pipeline.stores.invoicing.tables import (
    account_entries,
    credit_uses,
    drafts,
    invoice_lines,
    invoice_numbers,
    invoices,
    line_items,
    outcomes,
)
from flybill_pipeline.stores.postgres.bulk import given_rows
from flybill_pipeline.stores.sync.tables import stripe_sync

FROM_DRAFT = ("month", "org_id", "shard", "currency", "line_count", "content_hash", "usage_up_to", "priced_from")
"""What an invoice takes over from its draft as it is."""


class LinesDoNotSumError(Exception):
    """The lines of an invoice do not sum to its subtotal: nothing of the batch was finalized."""


class CreditOverdrawnError(Exception):
    """More would be taken from a prepaid credit than was granted: nothing of the batch was finalized."""


class _Open(NamedTuple):
    """A draft that may still be settled: when it was priced, and when the last settled month of its org was."""

    priced_at: datetime
    last_decided: datetime | None

    def as_read(self, draft: DraftTotal) -> bool:
        """Whether it was not priced again since."""
        return self.priced_at == draft.priced_at

    def decided_at(self, now: datetime) -> datetime:
        """The time to write down: `now`, but after what was settled before.

        Its months count in the order of these times. A clock may be set back, and that of another machine be behind.
        """
        return now if self.last_decided is None else max(now, self.last_decided + timedelta.resolution)


class Invoices:
    """What has been finalized, and the one way to finalize more."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def open_drafts(self, month: Month, shard: int, org_ids: Collection[str] = ()) -> list[DraftTotal]:
        """The drafts of a shard (or of `org_ids` in it) whose month is not settled, in order of org ids."""
        columns = [drafts.c[name] for name in DraftTotal.__slots__]
        query = (
            select(*columns)
            .where(drafts.c.month == str(month), drafts.c.shard == shard, ~settled(drafts.c.org_id, month))
            .order_by(drafts.c.org_id)
        )
        if org_ids:
            query = query.where(drafts.c.org_id.in_(org_ids))
        with self._engine.connect() as connection:
            return [DraftTotal(**row._mapping) for row in connection.execute(query)]

    def settle(self, month: Month, shard: int, decided: Sequence[Settlement], now: datetime) -> set[str]:
        """Finalizes a batch, all or nothing: invoices with their lines, outcomes, carried amounts, work for the sync.

        Left out, for the next run: an org that another run settled first; one whose draft changed since it was read;
        one with another month settled since the draft was priced, as it may have billed the same late usage. Returns
        the orgs that were not left out (held ones included).
        Raises LinesDoNotSumError or CreditOverdrawnError, and then nothing is stored.
        """
        with self._engine.begin() as connection:
            lock_shard(connection, shard)
            still = self._open(connection, month, shard, [s.draft.org_id for s in decided])
            batch = [s for s in decided if s.draft.org_id in still and still[s.draft.org_id].as_read(s.draft)]
            if batch:
                record_holds(connection, month, batch, now)
                times = {s.draft.org_id: still[s.draft.org_id].decided_at(now) for s in batch}
                self._record_outcomes(connection, month, shard, batch, times)
                self._carry(connection, month, [s for s in batch if s.outcome != "held"])
                self._use_credits(connection, month, [s.draft.org_id for s in batch if s.outcome != "held"])
                self._insert_invoices(
                    connection, month, [s.draft.org_id for s in batch if s.outcome == "invoiced"], now
                )
        return {settlement.draft.org_id for settlement in batch}

    def _open(self, connection: Connection, month: Month, shard: int, org_ids: Sequence[str]) -> "dict[str, _Open]":
        """Of these organizations the drafts that may still be settled.

        One of an alias that waits for an owner bills nothing, so it stays good when other months are settled.
        """
        draft, done, among = drafts.c, outcomes.c, literal(org_ids, ARRAY(Text))
        count_and_last = func.count(), func.max(done.decided_at)
        others = (
            select(done.org_id, *count_and_last).where(done.shard == shard, done.outcome != HELD).group_by(done.org_id)
        )
        mine = select(draft.org_id, draft.priced_at, draft.settled_months).where(
            draft.month == str(month), draft.shard == shard, ~settled(draft.org_id, month)
        )
        months = {org_id: known for org_id, *known in connection.execute(others.where(done.org_id == any_(among)))}
        still = dict[str, _Open]()
        for org_id, priced_at, settled_then in connection.execute(mine.where(draft.org_id == any_(among))):
            settled_now, last_decided = months.get(org_id, (0, None))
            if org_id.startswith(WAITING) or settled_now == settled_then:
                still[org_id] = _Open(priced_at, last_decided)
        return still

    def _record_outcomes(
        self,
        connection: Connection,
        month: Month,
        shard: int,
        batch: Sequence[Settlement],
        times: Mapping[str, datetime],
    ) -> None:
        decided = [
            {
                "org_id": s.draft.org_id,
                "decided_at": times[s.draft.org_id].isoformat(),
                "outcome": s.outcome,
                "code": s.code,
                "message": s.message,
                "remedy": s.remedy,
                "customer_message": s.customer_message,
                "total_minor": s.draft.total_minor,
                "currency": s.draft.currency,
            }
            for s in batch
        ]
        rows = select(literal(str(month)), literal(shard), given_rows(outcomes, decided))
        statement = upsert(outcomes).from_select(["month", "shard", *decided[0]], rows)
        changes = {name: statement.excluded[name] for name in decided[0] if name != "org_id"}
        connection.execute(statement.on_conflict_do_update(index_elements=["month", "org_id"], set_=changes))

    def _carry(self, connection: Connection, month: Month, batch: Sequence[Settlement]) -> None:
        """What is carried is a balance of entries: carrying adds the month's own part, billing takes it all out."""
        entries = [
            {"org_id": s.draft.org_id, "month": str(month), "kind": s.outcome, "currency": s.draft.currency}
            | {"amount_minor": _entry(s)}
            for s in batch
            if _entry(s) != 0
        ]
        if entries:
            connection.execute(insert(account_entries), entries)

    def _use_credits(self, connection: Connection, month: Month, org_ids: Sequence[str]) -> None:
        """What the drafts take from prepaid credits is taken, in the transaction that settles them; never too much.

        What goes back of earlier uses is an entry below zero.
        """
        use = func.jsonb_each_text(drafts.c.credit_uses).table_valued("key", "value", joins_implicitly=True)
        taken = (
            select(use.c.key, drafts.c.month, drafts.c.month, drafts.c.org_id, cast(use.c.value, BigInteger))
            .select_from(drafts, use)
            .where(drafts.c.month == str(month), drafts.c.org_id.in_(org_ids), drafts.c.credit_uses != {})
        )
        columns = ["credit_id", "month", "paid_in", "org_id", "amount_minor"]
        insertion = insert(credit_uses).from_select(columns, union_all(taken, _returned(month, org_ids)))
        used = list(connection.execute(insertion.returning(credit_uses.c.credit_id)).scalars())
        if empty := overdrawn(connection, used):
            raise CreditOverdrawnError(
                f"the credits {', '.join(empty)} do not hold what would be taken from them: close the month again"
            )

    def _insert_invoices(self, connection: Connection, month: Month, org_ids: Sequence[str], now: datetime) -> None:
        if not org_ids:
            return
        first = self._take_numbers(connection, month, len(org_ids))
        # The month is given with each row, so that Postgres looks rows up by key: of a month that has just begun to be
        # billed it knows no statistics yet, and would read all of it for each batch.
        named = [
            {"month": str(month), "org_id": org, "invoice_id": invoice_id(month, org)}
            | {"number": invoice_number(month, number)}
            for number, org in enumerate(org_ids, start=first)
        ]
        given, draft = given_rows(invoices, named), drafts.c
        kept = [draft[name] for name in FROM_DRAFT]
        rows = select(given.c.invoice_id, given.c.number, literal(now), draft.total_minor, *kept).join(
            drafts, (draft.month == given.c.month) & (draft.org_id == given.c.org_id)
        )
        names = ["invoice_id", "number", "finalized_at", "subtotal_minor", *FROM_DRAFT]
        connection.execute(insert(invoices).from_select(names, rows))
        self._copy_lines(connection, given)
        connection.execute(insert(stripe_sync).from_select(["invoice_id"], select(given.c.invoice_id)))

    def _take_numbers(self, connection: Connection, month: Month, count: int) -> int:
        """The first of `count` consecutive numbers; the counter's row stays locked, so a rollback leaves no gap."""
        connection.execute(upsert(invoice_numbers).values(month=str(month), last_number=0).on_conflict_do_nothing())
        last = invoice_numbers.c.last_number
        taken = (
            update(invoice_numbers).where(invoice_numbers.c.month == str(month)).values(last_number=last + count)
        ).returning(last)
        return int(connection.execute(taken).scalar_one()) - count + 1

    def _copy_lines(self, connection: Connection, given: TableValuedAlias) -> None:
        """Copies the lines; the blocking check is asserted where it cannot be skipped: in the very statement."""
        shared = [c.name for c in invoice_lines.columns if c.name != "invoice_id"]
        lines = select(given.c.invoice_id, *(line_items.c[name] for name in shared)).join(
            line_items, (line_items.c.month == given.c.month) & (line_items.c.org_id == given.c.org_id)
        )
        insertion = insert(invoice_lines).from_select(["invoice_id", *shared], lines)
        stored = insertion.returning(invoice_lines.c.invoice_id, invoice_lines.c.amount_minor).cte("stored").c
        summed = (
            select(stored.invoice_id, func.sum(stored.amount_minor).label("amount"), func.count().label("lines"))
            .group_by(stored.invoice_id)
            .subquery()
        )
        wrong = connection.execute(
            select(invoices.c.month, invoices.c.org_id)
            .join(given, given.c.invoice_id == invoices.c.invoice_id)
            .outerjoin(summed, summed.c.invoice_id == invoices.c.invoice_id)
            .where(
                summed.c.amount.is_distinct_from(invoices.c.subtotal_minor)
                | summed.c.lines.is_distinct_from(invoices.c.line_count)
            )
            .limit(5)
        )
        if unequal := list(wrong):
            orgs = "".join(f" --org {shlex.quote(org_id)}" for _, org_id in unequal)
            raise LinesDoNotSumError(
                "lines in line_items were changed by hand, or are gone: they do not sum to their draft. Nothing was "
                f"finalized. This writes them again: flybill repair {unequal[0].month}{orgs}"
            )


def _returned(month: Month, org_ids: Sequence[str]) -> Select[Any]:
    entry = func.jsonb_array_elements(drafts.c.credits_returned).table_valued("value", joins_implicitly=True)
    credit_id, paid_in, amount = (cast(entry.c.value, JSONB)[place].astext for place in range(3))
    return (
        select(credit_id, drafts.c.month, paid_in, drafts.c.org_id, -cast(amount, BigInteger))
        .select_from(drafts, entry)
        .where(drafts.c.month == str(month), drafts.c.org_id.in_(org_ids), drafts.c.credits_returned != [])
    )


def _entry(settlement: Settlement) -> int:
    draft = settlement.draft
    if settlement.outcome == "carried_forward":
        return draft.total_minor - draft.carried_minor
    return -draft.carried_minor

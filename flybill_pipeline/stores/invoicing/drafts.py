"""Drafts at rest: the lines of months that are not finalized yet, replaced whenever they are priced again."""

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, select, text

from flybill_pipeline.billing.invoicing.invoice import Draft
from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.invoicing.unchanged import KeptDraft
from flybill_pipeline.billing.invoicing.unstorable import UnstorableDraftError
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.stores.invoicing.draft_lines import at_once, take_away, write_lines
from flybill_pipeline.stores.invoicing.tables import account_entries, drafts, line_items, organizations, outcomes
from flybill_pipeline.stores.postgres.bulk import copy_rows
from flybill_pipeline.stores.pricing.tables import pricing_bases, too_late_usage

DRAFT_COLUMNS = (
    "month",
    "org_id",
    "shard",
    "currency",
    "total_minor",
    "carried_minor",
    "line_count",
    "content_hash",
    "problems",
    "usage_up_to",
    "priced_at",
    "settled_months",
    "credit_uses",
    "credits_returned",
    "priced_from",
    "made_of",
    "lines_hash",
)
BASIS_COLUMNS = (
    "month",
    "org_id",
    "service_month",
    "shard",
    "usage_version",
    "usage_fingerprint",
    "terms",
    "contract",
    "currency",
    "discounts",
    "priced_at",
)

_Row = tuple[Any, ...]
VALUE_CLASSES = ("22", "54")  # of SQLSTATE: the value is none of its type, or too long for a key


class Drafts:
    """The draft lines of every org and month, and what an org carries over from earlier months."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def settled(self, month: Month, shard: int) -> set[str]:
        """The orgs of a shard whose month has an outcome that can no longer change; pricing leaves them alone."""
        with self._engine.connect() as connection:
            return _settled(connection, month, shard)

    def strangers(self, month: Month, shard: int) -> set[str]:
        """The orgs that nobody imported whose month is held because they had usage once."""
        query = select(outcomes.c.org_id).where(
            outcomes.c.month == str(month),
            outcomes.c.shard == shard,
            outcomes.c.outcome == "held",
            ~select(organizations.c.org_id).where(organizations.c.org_id == outcomes.c.org_id).exists(),
        )
        with self._engine.connect() as connection:
            return set(connection.execute(query).scalars())

    def carried(self, month: Month, org_ids: Collection[str]) -> dict[str, dict[str, int]]:
        """Per org what it carries into `month`, in minor units by currency; what comes to nothing is absent.

        It is all that is open, whichever month it comes from: a month that is settled after a later one must not bill
        what that one took over.
        """
        entries = account_entries.c
        query = (
            select(entries.org_id, entries.currency, func.sum(entries.amount_minor))
            .where(entries.month != str(month), entries.org_id.in_(org_ids))
            .group_by(entries.org_id, entries.currency)
            .having(func.sum(entries.amount_minor) != 0)
        )
        carried: dict[str, dict[str, int]] = {}
        with self._engine.connect() as connection:
            for org_id, currency, amount in connection.execute(query):
                carried.setdefault(org_id, {})[currency] = int(amount)
        return carried

    def kept(self, month: Month, shard: int) -> dict[str, KeptDraft]:
        """Org → what its draft was made of and came to, where that is known."""
        draft = drafts.c
        problem = draft.problems[0]["code"].astext
        query = select(draft.org_id, draft.made_of, draft.currency, draft.total_minor, draft.line_count, problem).where(
            draft.month == str(month), draft.shard == shard, draft.made_of.is_not(None)
        )
        with self._engine.connect() as connection:
            return {org_id: KeptDraft(*known) for org_id, *known in connection.execute(query)}

    def replace(
        self, part: ShardMonth, new: Iterable[Draft], priced_from: str | None = None, keep: Collection[str] = ()
    ) -> tuple[int, int]:
        """Puts `new` in the place of every unsettled draft of the shard, or of its orgs `only`, all or nothing.

        Those of the orgs to `keep` stay. `priced_from` names the inputs (see inputs.py). Returns the numbers of drafts
        and lines. An org that was settled since it was priced keeps its lines. `new` may be made as it is taken: no
        draft is kept once it is written. Raises UnstorableDraftError when the database takes one of them not.
        """
        with self._engine.begin() as connection:
            lock_shard(connection, part.shard)
            settled = _settled(connection, part.month, part.shard)
            there = _there(connection, part, settled.union(keep))
            open_drafts = (draft for draft in new if draft.org_id not in settled)
            return _replaced(connection, part, open_drafts, there, priced_from)

    def refused(self, part: ShardMonth, new: Iterable[Draft]) -> dict[str, str]:
        """Org → why the database does not take its draft, of those that `replace` would store. Stores nothing."""
        refusals = dict[str, str]()
        with self._engine.connect() as connection:
            lock_shard(connection, part.shard)
            settled = _settled(connection, part.month, part.shard)
            there = _there(connection, part, settled)
            take_away(connection, part.month, there, (line_items, pricing_bases, drafts))
            for draft in new:
                trial = connection.begin_nested()
                try:
                    if draft.org_id not in settled:
                        _replaced(connection, part, [draft], {}, None)
                except UnstorableDraftError as error:
                    refusals[draft.org_id] = str(error)
                finally:
                    trial.rollback()
            connection.rollback()
        return refusals

    def report_too_late(self, month: Month, shard: int, too_late: Iterable[tuple[str, Month]]) -> None:
        """Notes the orgs and months whose usage came too late to be billed; what was noted before is replaced."""
        rows = [
            {"month": str(month), "shard": shard, "org_id": org, "service_month": str(service_month)}
            for org, service_month in too_late
        ]
        mine = (too_late_usage.c.month == str(month)) & (too_late_usage.c.shard == shard)
        with self._engine.begin() as connection:
            lock_shard(connection, shard)
            connection.execute(delete(too_late_usage).where(mine))
            if rows:
                connection.execute(insert(too_late_usage), rows)


def _there(connection: Connection, part: ShardMonth, stay: Collection[str]) -> dict[str, str | None]:
    """Org → the hash of its lines, for the drafts of the shard, or of its orgs `only`, that do not `stay`.

    Of orgs that are named no hash is given, so a repair writes all lines again, whatever befell them.
    """
    query = select(drafts.c.org_id, drafts.c.lines_hash).where(
        drafts.c.month == str(part.month), drafts.c.shard == part.shard
    )
    if part.only:
        query = query.where(drafts.c.org_id.in_(part.only))
    found = {org_id: None if part.only else known for org_id, known in connection.execute(query)}
    return {org_id: known for org_id, known in found.items() if org_id not in stay}


def _replaced(
    connection: Connection,
    part: ShardMonth,
    new: Iterable[Draft],
    there: Mapping[str, str | None],
    priced_from: str | None,
) -> tuple[int, int]:
    """Puts `new` in the place of the drafts that are `there`."""
    draft_rows, basis_rows, lines, stand = list[_Row](), list[_Row](), 0, set[str]()
    take_away(connection, part.month, there, (pricing_bases, drafts))
    with _refusals():
        for several in at_once(new):
            hashes = write_lines(connection, part.month, several, there)
            for draft, known in zip(several, hashes, strict=True):
                draft_rows.append((*_draft_row(draft, part.now, priced_from), known))
                basis_rows.extend(_basis_rows(draft, part.now))
                lines += len(draft.lines)
                stand.add(draft.org_id)
        copy_rows(connection, drafts, DRAFT_COLUMNS, draft_rows)
        copy_rows(connection, pricing_bases, BASIS_COLUMNS, basis_rows)
    take_away(connection, part.month, there.keys() - stand, (line_items,))
    return len(draft_rows), lines


@contextmanager
def _refusals() -> Iterator[None]:
    """What Postgres says of a value that no column of its kind can hold; anything else is no fault of a value."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, UnicodeError) and (getattr(error, "pgcode", None) or "")[:2] not in VALUE_CLASSES:
            raise
        raise UnstorableDraftError(str(error).strip().splitlines()[0]) from error


def lock_shard(connection: Connection, shard: int) -> None:
    """Makes pricing and finalizing of one shard take turns, over all months, until the transaction ends."""
    connection.execute(text("select pg_advisory_xact_lock(hashtext(:key))"), {"key": f"flybill shard {shard}"})


def _settled(connection: Connection, month: Month, shard: int) -> set[str]:
    query = select(outcomes.c.org_id).where(
        outcomes.c.month == str(month), outcomes.c.shard == shard, outcomes.c.outcome != "held"
    )
    return set(connection.execute(query).scalars())


def _draft_row(draft: Draft, now: datetime, priced_from: str | None) -> _Row:
    problems = [dataclasses.asdict(p) | {"quantity": format(p.quantity, "f")} for p in draft.problems]
    return (
        str(draft.month),
        draft.org_id,
        draft.shard,
        draft.currency,
        draft.total_minor,
        draft.carried_minor,
        len(draft.lines),
        draft.content_hash,
        problems,
        draft.usage_up_to,
        now,
        draft.settled_months,
        dict(draft.credit_uses),
        [[each.credit_id, str(each.paid_in), each.amount_minor] for each in draft.credits_returned],
        priced_from,
        draft.made_of,
    )


def _basis_rows(draft: Draft, now: datetime) -> Iterator[_Row]:
    for basis in draft.bases:
        yield (
            str(draft.month),
            draft.org_id,
            str(basis.service_month),
            draft.shard,
            basis.usage_version,
            basis.usage_fingerprint,
            basis.terms,
            basis.contract,
            basis.currency,
            None if basis.discounts is None else list(basis.discounts),
            now,
        )

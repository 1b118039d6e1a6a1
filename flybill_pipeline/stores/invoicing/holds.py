"""What deciding about a month needs to know of an org's past, and the audit of who decided what. Decides nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select

from flybill_pipeline.billing.invoicing.settlement import Settlement
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.stores.invoicing.tables import audit, outcomes

TRAILING_MONTHS = 3


class ReleaseRefusedError(Exception):
    """The month may not be released, with what to do instead."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what about one org's month, when and why; `total_minor` is what the month came to then."""

    at: datetime
    month: str
    org_id: str
    action: str
    by: str
    reason: str
    code: str | None
    total_minor: int | None


class Holds:
    """Held months, their release, and what is usual for an org."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def trailing_averages(self, month: Month, shard: int) -> dict[tuple[str, str], int]:
        """(Org, currency) → what its last three settled months before `month` came to on average, in minor units.

        An org with fewer has no average: a new customer's second month says nothing about the first.
        """
        settled = outcomes.c
        place = func.row_number().over(partition_by=(settled.org_id, settled.currency), order_by=settled.month.desc())
        recent = (
            select(settled.org_id, settled.currency, settled.total_minor, place.label("place"))
            .where(settled.shard == shard, settled.month < str(month), settled.month >= str(_a_year_before(month)))
            .where(settled.outcome != "held", settled.currency.is_not(None))
            .subquery()
        )
        query = (
            select(recent.c.org_id, recent.c.currency, func.sum(recent.c.total_minor))
            .where(recent.c.place <= TRAILING_MONTHS)
            .group_by(recent.c.org_id, recent.c.currency)
            .having(func.count() == TRAILING_MONTHS)
        )
        with self._engine.connect() as connection:
            return {
                (org, currency): int(total) // TRAILING_MONTHS for org, currency, total in connection.execute(query)
            }

    def released(self, month: Month) -> dict[str, int]:
        """Org → the total (minor units) that a person looked at when releasing the month; the last release counts."""
        query = (
            select(audit.c.org_id, audit.c.total_minor)
            .where(audit.c.month == str(month), audit.c.action == "released")
            .order_by(audit.c.entry_id)
        )
        with self._engine.connect() as connection:
            return {row.org_id: int(row.total_minor) for row in connection.execute(query)}

    def release(
        self, month: Month, org_id: str, by: str, reason: str, releasable: frozenset[str], now: datetime
    ) -> None:
        """Records that a person looked at a held month and lets it go as it is. Raises ReleaseRefusedError."""
        if not by.strip() or not reason.strip():
            raise ReleaseRefusedError("a release needs a name and a reason: --by NAME --reason TEXT")
        with self._engine.begin() as connection:
            held = connection.execute(
                select(outcomes).where(outcomes.c.month == str(month), outcomes.c.org_id == org_id).with_for_update()
            ).one_or_none()
            if held is None or held.outcome != "held":
                state = "not closed yet" if held is None else held.outcome.replace("_", " ")
                raise ReleaseRefusedError(f"{month} of {org_id} is {state}, not held: there is nothing to release")
            if held.code not in releasable:
                raise ReleaseRefusedError(
                    f"{month} of {org_id} is held for {held.code}, which no release can mend: {held.message} "
                    f"{held.remedy or ''} Then `flybill repair {month} --org {org_id}`."
                )
            entry = audit_entry(month, org_id, "released", by.strip(), reason.strip(), now)
            connection.execute(insert(audit), entry | {"code": held.code, "total_minor": held.total_minor})

    def entries(self, month: Month) -> list[AuditEntry]:
        """The audit of a month, in order."""
        names = [audit.c[name] for name in AuditEntry.__slots__]
        with self._engine.connect() as connection:
            rows = connection.execute(select(*names).where(audit.c.month == str(month)).order_by(audit.c.entry_id))
            return [AuditEntry(**row._mapping) for row in rows]


def record_holds(connection: Connection, month: Month, batch: Sequence[Settlement], now: datetime) -> None:
    """Notes which months become held, change their reason, or are let go; what stays as it was is not noted again."""
    of_batch = [settlement.draft.org_id for settlement in batch]
    before = {
        row.org_id: row
        for row in connection.execute(
            select(outcomes).where(outcomes.c.month == str(month), outcomes.c.org_id.in_(of_batch))
        )
    }
    entries = [
        audit_entry(month, each.draft.org_id, action, "flybill", each.message or "", now)
        | {"code": each.code, "total_minor": each.draft.total_minor}
        for each in batch
        if (action := _action(each, before)) is not None
    ]
    if entries:
        connection.execute(insert(audit), entries)


def _action(settlement: Settlement, before: Mapping[str, Any]) -> str | None:
    was = before.get(settlement.draft.org_id)
    if settlement.outcome != "held":
        return None if was is None else "settled"
    same = was is not None and (was.code, was.total_minor) == (settlement.code, settlement.draft.total_minor)
    return None if same else "held"


def audit_entry(month: Month, org_id: str, action: str, by: str, reason: str, now: datetime) -> dict[str, Any]:
    """A row of the audit."""
    return {"month": str(month), "org_id": org_id, "action": action, "by": by, "reason": reason, "at": now}


def _a_year_before(month: Month) -> Month:
    return Month(max(month.year - 1, 1), month.number)

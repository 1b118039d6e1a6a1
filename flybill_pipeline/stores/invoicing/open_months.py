"""Months that have ended and are not decided for everybody, since the first with an outcome. Reads only."""

from typing import Any

from sqlalchemy import Connection, Engine, Select, func, select, union_all

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.stores.invoicing.tables import organizations, outcomes


class OpenMonths:
    """Which months were never closed, or not for all."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def first(self) -> Month | None:
        """The first month that has an outcome."""
        with self._engine.connect() as connection:
            first = connection.execute(select(func.min(outcomes.c.month))).scalar_one()
        return None if first is None else Month.parse(first)

    def before(self, end: Month) -> dict[Month, int]:
        """Every open month before `end`, the oldest first, with the number of organizations that it is open for.

        An organization has months from its import on, or from the first that was decided of it. The first month of all
        is the first that was decided of anybody.
        """
        first = self.first()
        if first is None:
            return {}
        with self._engine.connect() as connection:
            known, decided = (_counts(connection, query) for query in (_known_since(), _decided()))
        return _open(first, end, known, decided)


def _open(first: Month, end: Month, known: dict[Month, int], decided: dict[Month, int]) -> dict[Month, int]:
    months, orgs, month = dict[Month, int](), sum(count for since, count in known.items() if since < first), first
    while month < end:
        orgs += known.get(month, 0)
        if (left := orgs - decided.get(month, 0)) > 0:
            months[month] = left
        month = month.next()
    return months


def _counts(connection: Connection, query: Select[Any]) -> dict[Month, int]:
    return {Month.parse(month): int(count) for month, count in connection.execute(query)}


def _known_since() -> Select[Any]:
    """Per month the number of organizations whose first month it is."""
    org = organizations.c
    imported = select(org.org_id, func.to_char(func.timezone("UTC", org.recorded_at), "YYYY-MM").label("month"))
    # Usage of somebody whom nobody had imported yet is held; that makes no month of an organization.
    first = select(outcomes.c.org_id, outcomes.c.month).where(outcomes.c.code.is_distinct_from("unknown_org"))
    each = union_all(imported, first).subquery()
    since = (
        select(each.c.org_id, func.min(each.c.month).label("month"))
        .where(each.c.org_id.in_(select(org.org_id)))
        .group_by(each.c.org_id)
        .subquery()
    )
    return select(since.c.month, func.count()).group_by(since.c.month)


def _decided() -> Select[Any]:
    """Per month the number of organizations that have an outcome of it."""
    joined = outcomes.join(organizations, outcomes.c.org_id == organizations.c.org_id)
    query = select(outcomes.c.month, func.count()).select_from(joined)
    return query.where(outcomes.c.code.is_distinct_from("unknown_org")).group_by(outcomes.c.month)

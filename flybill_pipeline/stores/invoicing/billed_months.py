"""What settled months billed for a service month, and what they billed it from. Reads only; drafts write the rows."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from itertools import groupby, takewhile
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, and_, bindparam, case, func, select, true
from sqlalchemy.dialects.postgresql import distinct_on

from flybill_pipeline.billing.invoicing.basis import Basis
from flybill_pipeline.billing.invoicing.late_usage import BilledLine
from flybill_pipeline.billing.invoicing.outcomes import CARRIED_FORWARD, HELD, WAIVED
from flybill_pipeline.billing.invoicing.returned_credits import PaidByCredits
from flybill_pipeline.billing.invoicing.waivers import WaivedMonth
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.pricing.portions import portions_from
from flybill_pipeline.billing.pricing.working import working_from
from flybill_pipeline.stores.invoicing.paid_months import given_back_to, paid_by_credits
from flybill_pipeline.stores.invoicing.recorded_lines import line_of
from flybill_pipeline.stores.invoicing.settled import settled
from flybill_pipeline.stores.invoicing.tables import drafts, line_items, outcomes
from flybill_pipeline.stores.pricing.tables import pricing_bases

PRICED_KINDS = ("usage", "adjustment", "subscription", "one_off", "true_up", "discount")
FURTHEST_MONTHS = 24  # no invoice bills a service month that is older

_OF_A_LINE = (
    "kind",
    "line_id",
    "meter",
    "dimensions",
    "quantity",
    "unit",
    "amount_minor",
    "currency",
    "description",
    "title",
    "portions",
)


class BilledMonths:
    """The settled months of every org."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def settled_months(self, shard: int, org_ids: Collection[str] = ()) -> dict[str, int]:
        """How many months of each org are settled; orgs without any are absent."""
        done = outcomes.c
        query = (
            select(done.org_id, func.count())
            .where(done.shard == shard, done.outcome != "held", *_among(done.org_id, org_ids))
            .group_by(done.org_id)
        )
        with self._engine.connect() as connection:
            return {org_id: int(count) for org_id, count in connection.execute(query)}

    def decided(
        self, months: Collection[Month], shard: int, org_ids: Collection[str] = ()
    ) -> dict[Month, set[str] | None]:
        """Month → the orgs of a shard, or those of `org_ids`, with an outcome of it.

        None where nobody has one: it was never closed.
        """
        done, decided = outcomes.c, dict[Month, set[str] | None]()
        query = select(done.month, done.org_id).where(done.month.in_(list(map(str, months))), done.shard == shard)
        with self._engine.connect() as connection:
            of_month: dict[str, set[str]] = {}
            for month, org_id in connection.execute(query.where(*_among(done.org_id, org_ids))):
                of_month.setdefault(month, set()).add(org_id)
            for each in months:
                anybody = select(done.org_id).where(done.month == str(each))
                by_key = anybody.order_by(done.org_id).limit(1)  # else all months before it are read
                found = of_month.get(str(each))
                decided[each] = found or (set() if connection.execute(by_key).first() else None)
        return decided

    def bases(
        self, service_months: Collection[Month], shard: int, org_ids: Collection[str] = ()
    ) -> dict[Month, dict[str, Basis]]:
        """Month → what each org that has it settled was last billed from for it."""
        asked = {"service_months": list(map(str, service_months)), "shard": shard, "org_ids": list(org_ids)}
        found: dict[Month, dict[str, Basis]] = {month: {} for month in service_months}
        with self._engine.connect() as connection:
            for org_id, text, *known in connection.execute(_bases(only=bool(org_ids)), asked) if found else ():
                month = Month.parse(text)
                found[month][org_id] = _basis(month, known)
        return found

    def priced_from(self, month: Month) -> set[str | None]:
        """The ids of the inputs that the month's settled drafts were priced from; None where they are not on record."""
        of_it = (drafts.c.month == str(month), settled(drafts.c.org_id, month))
        with self._engine.connect() as connection:
            return set(connection.execute(select(drafts.c.priced_from).distinct().where(*of_it)).scalars())

    def billed(
        self, service_month: Month, except_month: Month, shard: int, org_ids: Collection[str]
    ) -> dict[str, Sequence[BilledLine]]:
        """Per org the lines that settled months, but for `except_month`, have for `service_month`.

        In the order in which the months were settled, which is not always that of the months.
        """
        asked = {"service_month": str(service_month), "months": _may_bill(service_month, except_month)}
        by_org: dict[str, list[BilledLine]] = {}
        with self._engine.connect() as connection:
            for row in connection.execute(_service_lines(), asked | {"shard": shard, "org_ids": list(org_ids)}):
                values = dict(row._mapping)
                lines = by_org.setdefault(values.pop("org_id"), [])
                billed_in = Month.parse(values.pop("billed_in"))
                values["portions"] = portions_from(values["portions"])
                values["working"] = working_from(values["working"] or ())
                lines.append(BilledLine(billed_in=billed_in, service_month=service_month, **values))
        return dict(by_org)

    def waived(
        self, service_month: Month, except_month: Month, org_ids: Collection[str]
    ) -> dict[str, Sequence[WaivedMonth]]:
        """Per org the waived months, but for `except_month`, that may have billed `service_month`, with their lines.

        In the order in which they were settled.
        """
        query = (
            select(outcomes.c.org_id, outcomes.c.month, outcomes.c.total_minor, outcomes.c.currency)
            .where(outcomes.c.org_id.in_(org_ids), outcomes.c.outcome == WAIVED)
            .where(outcomes.c.month.in_(_may_bill(service_month, except_month)))
            .order_by(outcomes.c.decided_at, outcomes.c.month)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        by_org: dict[str, list[WaivedMonth]] = {}
        for row in rows:  # few: each is below what Stripe collects
            months = self._settled_lines(row.org_id, row.month)
            own = 1 + sum(1 for _ in takewhile(lambda each: each[0] == CARRIED_FORWARD, reversed(months[:-1])))
            earlier, lines = _joined(months[:-own]), _joined(months[-own:])
            by_org.setdefault(row.org_id, []).append(WaivedMonth(row.total_minor, row.currency, lines, earlier))
        return dict(by_org)

    def paid_by_credits(
        self, since: Month | None, except_month: Month, orgs: Mapping[str, str]
    ) -> dict[str, PaidByCredits]:
        """Per org, each with its currency, what credits paid for since then: see paid_months.py."""
        with self._engine.connect() as connection:
            return paid_by_credits(connection, since, except_month, orgs)

    def given_back_to(self, org_ids: Collection[str]) -> set[str]:
        """Those of the orgs to whose credits something of what they had paid went back."""
        with self._engine.connect() as connection:
            return given_back_to(connection, org_ids)

    def _settled_lines(self, org_id: str, last: str) -> list[tuple[str, list[LineItem]]]:
        """The outcome and the lines of an org's settled months up to `last`, in the order in which they were settled.

        An earlier month that was held until then came after it.
        """
        query = (
            select(outcomes.c.outcome, line_items)
            .join(line_items, (line_items.c.month == outcomes.c.month) & (line_items.c.org_id == outcomes.c.org_id))
            .where(outcomes.c.org_id == org_id, outcomes.c.outcome != HELD)
            .order_by(outcomes.c.decided_at, outcomes.c.month, line_items.c.line_no)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        months = list[tuple[str, list[LineItem]]]()
        for (month, outcome), lines in groupby(rows, key=lambda row: (row.month, row.outcome)):
            months.append((outcome, [line_of(row) for row in lines]))
            if month == last:
                break
        return months


@cache  # to put it together takes longer than to ask it
def _bases(*, only: bool) -> Select[Any]:
    """The bases of `:service_months` and `:shard`; with `only`, of `:org_ids`.

    An outcome of the service month is one of the shard, too: else those of all shards and years are read for each.
    """
    basis, own = pricing_bases.c, outcomes.alias("own")
    return (
        select(*(basis[name] for name in ("org_id", *Basis.__slots__)))
        .ext(distinct_on(basis.service_month, basis.org_id))
        .join(own, and_(own.c.org_id == basis.org_id, own.c.month == basis.service_month, own.c.outcome != "held"))
        .join(outcomes, _of_settled(pricing_bases))
        .where(basis.service_month.in_(bindparam("service_months", expanding=True)))
        .where(*(of.shard == bindparam("shard") for of in (basis, own.c)))
        .where(*([basis.org_id.in_(bindparam("org_ids", expanding=True))] if only else []))
        .order_by(basis.service_month, basis.org_id, outcomes.c.decided_at.desc(), basis.month.desc())
    )


def _joined(months: Iterable[tuple[str, Sequence[LineItem]]]) -> list[LineItem]:
    return [line for _, lines in months for line in lines]


@cache  # to put it together takes longer than to ask it
def _service_lines() -> Select[Any]:
    """The lines that settled months among `:months` have for `:service_month`; of `:org_ids` in `:shard`.

    Settled months come first, and then the lines of each by their key: however many years of lines there are, only
    those of these months are read. (Without the offset, which keeps Postgres to that order, it reads them all.)
    """
    months = (
        select(outcomes.c.month, outcomes.c.org_id, outcomes.c.decided_at)
        .where(outcomes.c.shard == bindparam("shard"), outcomes.c.outcome != "held")
        .where(outcomes.c.org_id.in_(bindparam("org_ids", expanding=True)))
        .where(outcomes.c.month.in_(bindparam("months", expanding=True)))
        .subquery("months")
    )
    line = (
        select(line_items)
        .where(line_items.c.month == months.c.month, line_items.c.org_id == months.c.org_id)
        .where(line_items.c.service_month == bindparam("service_month"), line_items.c.kind.in_(PRICED_KINDS))
        .offset(0)
        .lateral("line")
    )
    return (
        select(
            line.c.org_id,
            line.c.month.label("billed_in"),
            *(line.c[name] for name in _OF_A_LINE),
            line.c.usage_quantity.label("usage"),
            case((line.c.kind == "discount", line.c.working)).label("working"),
        )
        .select_from(months.join(line, true()))
        .order_by(line.c.org_id, months.c.decided_at, line.c.month, line.c.line_no)
    )


def _basis(service_month: Month, known: Sequence[Any]) -> Basis:
    """The basis with these values of its other fields, in order: a close reads one for each org and month of a year."""
    version, fingerprint, terms, contract, currency, discounts = known
    held = None if discounts is None else tuple(discounts)
    return Basis(service_month, version, fingerprint, terms, contract, currency, held)


def _of_settled(table: Any) -> ColumnElement[bool]:
    return and_(outcomes.c.month == table.c.month, outcomes.c.org_id == table.c.org_id, outcomes.c.outcome != "held")


def _among(column: ColumnElement[str], org_ids: Collection[str]) -> list[ColumnElement[bool]]:
    return [column.in_(org_ids)] if org_ids else []


def _may_bill(service_month: Month, except_month: Month) -> list[str]:
    """The month before it (what is billed in advance), itself, and those after it; but for `except_month`."""
    month, months = service_month.previous(), list[Month]()
    for _ in range(FURTHEST_MONTHS + 2):
        months.append(month)
        month = month.next()
    return [str(each) for each in months if each != except_month]

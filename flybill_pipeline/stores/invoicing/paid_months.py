"""The settled months that credits paid for, with their lines and what went back since. Only reads; decides nothing."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, func, select

from flybill_pipeline.billing.invoicing.outcomes import CARRIED_FORWARD, HELD, INVOICED, WAIVED
from flybill_pipeline.billing.invoicing.returned_credits import PaidByCredits, PaidMonth
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.stores.invoicing.recorded_lines import line_of, unexplained_line_of
from flybill_pipeline.stores.invoicing.tables import credit_uses, line_items, outcomes

_Uses = dict[str, dict[str, int]]
"""Month → credit → minor units."""


def paid_by_credits(
    connection: Connection, since: Month | None, except_month: Month, orgs: Mapping[str, str]
) -> dict[str, PaidByCredits]:
    """Per org (with its currency) its settled months from `since` on, or all; but for `except_month`.

    Orgs whose credits paid nothing in that time are absent.
    """
    months = _paid_months(connection, since or Month(1, 1), except_month, list(orgs))
    asked = _asked(connection, {org_id: orgs[org_id] for org_id in months})
    return {org_id: PaidByCredits(paid, asked.get(org_id, 0)) for org_id, paid in months.items()}


def given_back_to(connection: Connection, org_ids: Collection[str]) -> set[str]:
    """Those of the orgs to whose credits something of what they had paid went back."""
    use = credit_uses.c
    query = select(use.org_id).distinct().where(use.org_id.in_(org_ids), use.paid_in != use.month)
    return set(connection.execute(query).scalars())


def _asked(connection: Connection, orgs: Mapping[str, str]) -> dict[str, int]:
    """What all invoices of each org asked for in the currency beside it."""
    done = outcomes.c
    query = (
        select(done.org_id, done.currency, func.sum(done.total_minor))
        .where(done.org_id.in_(list(orgs)), done.outcome == INVOICED)
        .group_by(done.org_id, done.currency)
    )
    rows = connection.execute(query) if orgs else ()
    return {org_id: int(asked) for org_id, currency, asked in rows if currency == orgs[org_id]}


def _paid_months(
    connection: Connection, since: Month, except_month: Month, org_ids: Collection[str]
) -> dict[str, tuple[PaidMonth, ...]]:
    """In the order in which they were settled."""
    uses, returned = _uses(connection, since, except_month, org_ids)
    done, line = outcomes.c, line_items.c
    query = (
        select(done.outcome, done.total_minor, line_items)
        .join(line_items, (line.month == done.month) & (line.org_id == done.org_id))
        .where(done.org_id.in_(list(uses)), done.outcome != HELD)
        .where(done.month >= str(since), done.month != str(except_month))
        .order_by(done.org_id, done.decided_at, done.month, line.line_no)
    )
    paid: dict[str, tuple[PaidMonth, ...]] = {}
    for org_id, rows in groupby(connection.execute(query) if uses else (), key=lambda row: row.org_id):
        paid[org_id] = tuple(_months(rows, uses[org_id], returned[org_id]))
    return paid


def _uses(
    connection: Connection, since: Month, except_month: Month, org_ids: Collection[str]
) -> tuple[dict[str, _Uses], dict[str, _Uses]]:
    """Per org what credits paid for in its months, and what of that went back since."""
    use = credit_uses.c
    query = select(use.org_id, use.credit_id, use.month, use.paid_in, use.amount_minor).where(
        use.org_id.in_(org_ids), use.paid_in >= str(since), use.month != str(except_month)
    )
    uses: dict[str, _Uses] = defaultdict(lambda: defaultdict(dict))
    returned: dict[str, _Uses] = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
    for org_id, credit_id, month, paid_in, amount in connection.execute(query):
        if month == paid_in:
            uses[org_id][paid_in][credit_id] = int(amount)
        else:
            returned[org_id][paid_in][credit_id] -= int(amount)
    return dict(uses), returned


def _months(rows: Iterator[Row[Any]], uses: _Uses, returned: _Uses) -> Iterator[PaidMonth]:
    for (month, outcome, total), of_month in groupby(rows, key=lambda row: (row.month, row.outcome, row.total_minor)):
        yield PaidMonth(
            month=Month.parse(month),
            lines=[_line(row) for row in of_month],
            uses=dict(uses.get(month, {})),
            returned=dict(returned.get(month, {})),
            carried=outcome == CARRIED_FORWARD,
            waived_minor=total if outcome == WAIVED else 0,
        )


def _line(row: Row[Any]) -> LineItem:
    """Only of a discount its working tells what must be known."""
    return line_of(row) if row.kind == "discount" else unexplained_line_of(row)

"""What the drafts of a month take from prepaid credits. Only reads; what is left of a credit, `items.py` knows."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Engine, select

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.stores.invoicing.tables import drafts


class UsedCredits:
    """Read-only."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, month: Month, shard: int, org_ids: Collection[str] = ()) -> dict[str, dict[str, int]]:
        """Organization → credit → what its draft takes of it, in minor units; who uses none is absent.

        What goes back to a credit is taken off it.
        """
        draft = drafts.c
        query = select(draft.org_id, draft.credit_uses, draft.credits_returned).where(
            draft.month == str(month), draft.shard == shard, (draft.credit_uses != {}) | (draft.credits_returned != [])
        )
        if org_ids:
            query = query.where(draft.org_id.in_(org_ids))
        with self._engine.connect() as connection:
            return {row.org_id: _less(row.credit_uses, row.credits_returned) for row in connection.execute(query)}


def _less(uses: Mapping[str, int], returned: Sequence[tuple[str, str, int]]) -> dict[str, int]:
    left = dict(uses)
    for credit_id, _, amount in returned:
        left[credit_id] = left.get(credit_id, 0) - amount
    return left

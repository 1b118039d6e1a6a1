"""What the drafts of a month take from prepaid credits. Only reads; what is left of a credit, `items.py` knows."""

from collections.abc import Collection

from sqlalchemy import Engine, select

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.stores.invoicing.tables import drafts


class UsedCredits:
    """Read-only."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, month: Month, shard: int, org_ids: Collection[str] = ()) -> dict[str, dict[str, int]]:
        """Organization → credit → what its draft takes of it, in minor units; who uses none is absent."""
        draft = drafts.c
        query = select(draft.org_id, draft.credit_uses).where(
            draft.month == str(month), draft.shard == shard, draft.credit_uses != {}
        )
        if org_ids:
            query = query.where(draft.org_id.in_(org_ids))
        with self._engine.connect() as connection:
            return {row.org_id: row.credit_uses for row in connection.execute(query)}

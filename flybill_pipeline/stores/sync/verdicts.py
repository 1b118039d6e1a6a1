"""What comparisons with Stripe's own list came to, one row a month. Belongs here: keeping them. Does not: comparing."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.dialects.postgresql import insert

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.sync.verdicts import Difference, Verdict
from flybill_pipeline.stores.sync.tables import stripe_verdicts

_OWN_COLUMNS = ("state", "compared_at", "not_read")


class Verdicts:
    """The last verdict on each month."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, month: Month) -> Verdict:
        """The last verdict on a month; one that says so where there is none."""
        row = stripe_verdicts.c
        query = select(row.state, row.compared_at, row.content, row.not_read).where(row.month == str(month))
        with self._engine.connect() as connection:
            known = connection.execute(query).one_or_none()
        if known is None:
            return Verdict("not_compared")
        content: dict[str, Any] = dict(known.content)
        for name in ("differs", "written_off"):
            content[name] = [Difference(**each) for each in content[name]]
        return Verdict(state=known.state, compared_at=known.compared_at, not_read=known.not_read, **content)

    def keep(self, month: Month, verdict: Verdict) -> None:
        """Puts a verdict in the place of the last one; where the list was not read the last one stands, and says so."""
        content = {name: value for name, value in asdict(verdict).items() if name not in _OWN_COLUMNS}
        values = {name: getattr(verdict, name) for name in _OWN_COLUMNS} | {"content": content}
        row = insert(stripe_verdicts).values(month=str(month), **values)
        changed = {"not_read": verdict.not_read} if verdict.state == "not_compared" else values
        with self._engine.begin() as connection:
            connection.execute(row.on_conflict_do_update(index_elements=["month"], set_=changed))

"""What the finalized invoices of each month were priced from. Reads only; what drafts are priced from: `pricing`."""

from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy import Engine, func, select

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.stores.invoicing.tables import invoices
from flybill_pipeline.stores.pricing.inputs import PricingInputs


class PricedMonths:
    """The months of the database behind `engine`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def all(self) -> Sequence[tuple[Month, str]]:
        """Month and name of the inputs, each once, in the order in which the first invoice of them was finalized."""
        column = invoices.c
        query = (
            select(column.month, column.priced_from)
            .where(column.priced_from.is_not(None))
            .group_by(column.month, column.priced_from)
            .order_by(column.month, func.min(column.finalized_at), column.priced_from)
        )
        with self._engine.connect() as connection:
            return [(Month.parse(row.month), row.priced_from) for row in connection.execute(query)]

    def days(self, priced_from: str) -> Mapping[date, str]:
        """The version of each day's usage that these invoices were priced from."""
        return PricingInputs(self._engine).find(priced_from).days

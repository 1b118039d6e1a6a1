"""What a month is priced from, kept so that it can be priced from the same again. Prices nothing, reads no usage."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath

from sqlalchemy import Engine, select
from sqlalchemy.dialects.postgresql import insert as upsert

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.stores.pricing.tables import pricing_inputs
from flybill_pipeline.stores.usage.lake.catalog import LakeCatalog


@dataclass(frozen=True, slots=True)
class Inputs:
    """The version of every day's usage up to the month's end, and a fingerprint of each currency's price books."""

    inputs_id: str
    days: Mapping[date, str]
    books: Mapping[str, str]


class PricingInputs:
    """The inputs of drafts and invoices; the same inputs are kept once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def keep(self, month: Month, books: Mapping[str, str]) -> Inputs:
        """The usage that is compiled at this moment and `books`, written down before anything is priced from them."""
        inputs = self.now(month, books)
        values = {"month": str(month), "days": _days_data(inputs.days), "books": dict(books)}
        with self._engine.begin() as connection:
            row = upsert(pricing_inputs).values(inputs_id=inputs.inputs_id, **values)
            connection.execute(row.on_conflict_do_nothing())
        return inputs

    def now(self, month: Month, books: Mapping[str, str]) -> Inputs:
        """What `keep` would write down."""
        days = self.compiled(month)
        values = {"month": str(month), "days": _days_data(days), "books": dict(books)}
        inputs_id = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:24]
        return Inputs(inputs_id, days, books)

    def compiled(self, month: Month) -> dict[date, str]:
        """The version of every day, up to the month's last, that is compiled at this moment."""
        compiled = LakeCatalog(self._engine).rollups_before(month.end.date())
        return {day: PurePosixPath(path).stem for day, path in compiled.items()}

    def find(self, inputs_id: str) -> Inputs:
        """Inputs that were kept."""
        query = select(pricing_inputs.c.days, pricing_inputs.c.books).where(pricing_inputs.c.inputs_id == inputs_id)
        with self._engine.connect() as connection:
            row = connection.execute(query).one()
        return Inputs(inputs_id, {date.fromisoformat(day): version for day, version in row.days.items()}, row.books)


def _days_data(days: Mapping[date, str]) -> dict[str, str]:
    return {str(day): version for day, version in days.items()}

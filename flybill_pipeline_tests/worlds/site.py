"""A site where files of usage land, are read and recorded step by step, and a month is closed. No assertions here."""

import json
import os
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.invoicing.terms import EVER
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.steps.invoicing.finalize_invoices import FinalizeReport
from flybill_pipeline.steps.usage.compile_usage import compile_day
from flybill_pipeline.steps.usage.record_usage import record_day
from flybill_pipeline.stores.invoicing.tables import invoices
from flybill_pipeline.toolbox.closing import finalize, price
from flybill_pipeline.toolbox.reading import read_usage
from flybill_pipeline.toolbox.tools import Toolbox
from flybill_pipeline_tests.worlds.deployment import event
from flybill_pipeline_tests.worlds.organizations import org_row


class Site:
    """A landing zone, what is read and recorded of it, and the close of a month that `began`. It has one organization.

    File n tells of 100 * 2**n seconds, so an invoice of 2**n dollars says which files are in it.
    """

    def __init__(self, tools: Toolbox, month: Month, began: datetime) -> None:
        self.tools, self.month, self.began = tools, month, began
        self.tools.organizations.save([org_row("acme")], EVER)

    def land(self, number: int, at: datetime, day: str | None = None, name: str | None = None) -> Path:
        """A file that was modified `at` then, and tells of usage on a day: by default the month's fifth."""
        file = self.tools.landing.root / "usage" / (name or f"{number}.jsonl")
        file.parent.mkdir(exist_ok=True)
        file.write_text(
            json.dumps(event(number, "acme", 100 * 2**number, f"{day or f'{self.month}-05'}T00:00:00Z")) + "\n"
        )
        os.utime(file, (at.timestamp(), at.timestamp()))
        return file

    def read(self) -> None:
        read_usage(self.tools)

    def record(self) -> None:
        for day in self.tools.catalog.days_to_record():
            record_day(day, self.tools.lake, self.tools.catalog)

    def compile(self) -> None:
        for day in self.tools.catalog.days_to_record():
            compile_day(day, self.tools.lake, self.tools.catalog)

    def bring_in(self) -> None:
        self.read()
        self.record()
        self.compile()

    def part(self) -> ShardMonth:
        return ShardMonth(self.month, 0, self.tools.now(), landed_by=self.began)

    def price(self) -> None:
        price(self.tools, self.part())

    def finalize(self) -> FinalizeReport:
        return finalize(self.tools, self.part())

    def billed(self) -> set[int]:
        """The numbers of the files that stand in the month's invoice."""
        with self.tools.engine.connect() as connection:
            minor = connection.scalar(select(invoices.c.subtotal_minor).where(invoices.c.month == str(self.month))) or 0
        return {number for number in range(20) if minor // 100 & 2**number}

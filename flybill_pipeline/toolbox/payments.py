"""The tools of payments: what is on record of them, of credit notes and of months, and Stripe's events."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from flybill_pipeline.stores.payments.credit_notes import CreditNotes
from flybill_pipeline.stores.payments.page_links import PageLinks
from flybill_pipeline.stores.payments.standing import Payments
from flybill_pipeline.stores.payments.statements import Statements
from flybill_pipeline.toolbox.sync import SyncTools

if TYPE_CHECKING:
    from flybill_pipeline.stores.payments.intake import PaymentIntake
    from flybill_pipeline.stores.payments.month_marks import MonthMarks
    from flybill_pipeline.stores.payments.unread_events import UnreadEvents
    from flybill_pipeline.stripe_gateway.payment_events import PaymentEvents


@dataclass(frozen=True)
class PaymentTools(SyncTools):
    """What became of the invoices."""

    @cached_property
    def statements(self) -> Statements:
        return Statements(self.engine)

    @cached_property
    def credit_notes(self) -> CreditNotes:
        return CreditNotes(self.engine)

    @cached_property
    def month_marks(self) -> "MonthMarks":
        from flybill_pipeline.stores.payments.month_marks import MonthMarks

        return MonthMarks(self.engine)

    @cached_property
    def page_links(self) -> PageLinks:
        return PageLinks(self.engine)

    @cached_property
    def payments(self) -> Payments:
        return Payments(self.engine)

    @cached_property
    def payment_intake(self) -> "PaymentIntake":
        from flybill_pipeline.stores.payments.intake import PaymentIntake

        return PaymentIntake(self.engine)

    @cached_property
    def unread_events(self) -> "UnreadEvents":
        from flybill_pipeline.stores.payments.unread_events import UnreadEvents

        return UnreadEvents(self.engine)

    def stripe_now(self) -> datetime:
        """The time by Stripe's clock: ours without what its newest answer showed that ours is off; one is asked for."""
        if self.stripe.clock.reading() is None:
            self.payment_events.newest()
        reading = self.stripe.clock.reading()
        return self.now() - (reading.ahead if reading else timedelta(0))

    def keep_stripes_clock(self) -> None:
        """Keeps what the newest answer showed of Stripe's clock, for who asks without asking Stripe."""
        if (reading := self.stripe.clock.reading()) is not None:
            self.sync_ledger.clock.keep(reading)

    @cached_property
    def payment_events(self) -> "PaymentEvents":
        from flybill_pipeline.stripe_gateway.payment_events import PaymentEvents

        return PaymentEvents(self.stripe)

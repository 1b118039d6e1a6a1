"""The tools of payments: what is on record of them, of credit notes and of months, and Stripe's events."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from flybill_pipeline.stores.payments.credit_notes import CreditNotes
from flybill_pipeline.stores.payments.intake import PaymentIntake
from flybill_pipeline.stores.payments.standing import Payments
from flybill_pipeline.stores.payments.statements import Statements
from flybill_pipeline.toolbox.sync import SyncTools

if TYPE_CHECKING:
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
    def payments(self) -> Payments:
        return Payments(self.engine)

    @cached_property
    def payment_intake(self) -> PaymentIntake:
        return PaymentIntake(self.engine)

    @cached_property
    def payment_events(self) -> "PaymentEvents":
        from flybill_pipeline.stripe_gateway.payment_events import PaymentEvents

        return PaymentEvents(self.stripe)

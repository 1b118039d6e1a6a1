"""A Stripe account with invoices of ours in it, and a person who does things to them there. No assertions."""

from typing import Any

import stripe
from sqlalchemy import select

from flybill_pipeline.billing.payments.standing import Payment
from flybill_pipeline.steps.payments.read_payments import PaymentsReport, read_payments
from flybill_pipeline.stores.payments.intake import PaymentIntake
from flybill_pipeline.stores.payments.standing import MonthPayments, Payments
from flybill_pipeline.stores.sync.tables import stripe_sync
from flybill_pipeline.stripe_gateway.payment_events import PaymentEvents
from flybill_pipeline_tests.chaos.months import MONTH, plant
from flybill_pipeline_tests.chaos.world import World

CARD = "pm_card_visa"
DECLINED = "pm_card_declined"


class Account:
    """Invoices of ours in a Stripe account, and a person who does things to them there."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.intake = PaymentIntake(world.engine)
        self.payments = Payments(world.engine)
        self.stripe = world.stripe()

    def bill(self, count: int) -> list[str]:
        """That many invoices at Stripe, of 306 minor units and more; their ids there, by org."""
        plant(self.world.engine, count)
        assert self.world.sync().complete
        query = select(stripe_sync.c.stripe_invoice_id).order_by(stripe_sync.c.invoice_id)
        with self.world.engine.connect() as connection:
            return [str(found) for found in connection.execute(query).scalars()]

    def post(self, path: str, **params: Any) -> Any:
        return self.stripe.raw_request("post", f"/v1/{path}", **params).data

    def pay(self, invoice: str, method: str = CARD) -> None:
        try:
            self.post(f"invoices/{invoice}/pay", payment_method=method)
        except stripe.CardError:
            assert method == DECLINED

    def control(self, path: str, **body: Any) -> Any:
        return self.world.emulator.control("POST", path, body)

    def read(self, events: PaymentEvents | None = None) -> PaymentsReport:
        self.world.set_clocks()
        found = events or PaymentEvents(self.world.gateway())
        return read_payments(intake=self.intake, stripe=found, clock=self.world.now, sleep=self.world.sleep)

    def of(self, org: int) -> Payment:
        found = self.payments.of_org(f"org{org:05d}", MONTH, self.world.now())
        assert found is not None
        return found

    def month(self) -> MonthPayments:
        return self.payments.of_month(MONTH, self.world.now())

    def intent(self, invoice: str) -> str:
        listed = self.stripe.raw_request("get", "/v1/invoice_payments", invoice=invoice).data
        return str(listed["data"][0]["payment"]["payment_intent"])

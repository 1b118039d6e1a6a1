"""One database and one emulator, our clock and Stripe's, and what must be true at the end. No faults here."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import stripe
from sqlalchemy import Engine, func, select

from flybill_pipeline.billing.sync.values import SyncScope
from flybill_pipeline.steps.sync.options import RunOptions
from flybill_pipeline.steps.sync.ports import Ledger, Stripe
from flybill_pipeline.steps.sync.reconcile_invoices import reconcile
from flybill_pipeline.steps.sync.sync_invoices import SyncReport, sync_invoices
from flybill_pipeline.stores.invoicing.tables import organizations
from flybill_pipeline.stores.sync.billed import Billed
from flybill_pipeline.stores.sync.ledger import SyncLedger
from flybill_pipeline.stores.sync.tables import stripe_sync
from flybill_pipeline.stripe_gateway.gateway import Gateway
from flybill_pipeline.stripe_gateway.limiter import Limiter
from flybill_pipeline.stripe_gateway.listing import InvoiceListing
from flybill_pipeline_tests.chaos.months import MONTH
from flybill_pipeline_tests.worlds.emulator import EmulatorProcess
from flybill_pipeline_tests.worlds.impatient import ImpatientGateway

SPEED = 20
UNLIMITED = 2000.0
THE_MONTH = SyncScope(MONTH)


class World:
    """Everything a sync needs; its time runs SPEED times as fast as ours, so that waiting takes no time.

    `skew` is how far the clock that flybill reads is ahead of Stripe's, `key_mark` what its key for Stripe is known by;
    both may be changed at any time.
    """

    def __init__(
        self,
        engine: Engine,
        emulator: EmulatorProcess,
        born: datetime | None = None,
        skipped: timedelta = timedelta(0),
    ) -> None:
        self.engine = engine
        self.emulator = emulator
        self.born = born or datetime.now(UTC)
        self.skipped = skipped
        self.skew = timedelta(0)
        self.key_mark = ""
        self._advanced = 0

    def time(self) -> datetime:
        """The time at Stripe."""
        return self.born + self.skipped + (datetime.now(UTC) - self.born) * SPEED

    def now(self) -> datetime:
        """The time as flybill's own clock has it."""
        return self.time() + self.skew

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / SPEED)

    def pass_hours(self, hours: int) -> None:
        """Time goes by for us and for Stripe, where nothing is under way any more."""
        self.emulator.release()
        self.skipped += timedelta(hours=hours)
        self.set_clocks()

    def set_clocks(self) -> None:
        """Stripe's clock to the world's time, in whole seconds."""
        behind = int((self.time() - datetime.now(UTC)).total_seconds()) - self._advanced
        if behind > 0:
            self.emulator.advance(behind)
            self._advanced += behind

    def gateway(self) -> Gateway:
        limiter = Limiter(UNLIMITED, UNLIMITED)
        return ImpatientGateway("sk_test_chaos", base=self.emulator.url, limiter=limiter, now=self.now)

    def stripe(self) -> stripe.StripeClient:
        """Somebody else's way to the same Stripe: a person in the dashboard, another program."""
        return stripe.StripeClient("sk_test_person", base_addresses={"api": self.emulator.url})

    def sync(
        self,
        *,
        ledger_of: Callable[[Ledger], Ledger] = lambda ledger: ledger,
        stripe_of: Callable[[Stripe], Stripe] = lambda stripe: stripe,
        workers: int = 4,
        patience: float = 100.0,
        scope: SyncScope = THE_MONTH,
        by_a_person: bool = True,
    ) -> SyncReport:
        """One run, as a person starts it: also while the breaker is open.

        `ledger_of` and `stripe_of` wrap its two ports, to break them or to plant a bug.
        """
        self.set_clocks()
        with SyncLedger(self.engine, self.key_mark) as ledger:
            if by_a_person:
                ledger.breaker.probe_now(self.now())
            gateway = self.gateway()
            return sync_invoices(
                scope,
                ledger=ledger_of(ledger),
                stripe=stripe_of(gateway),
                options=self.options(gateway, workers, patience),
            )

    def options(self, gateway: Gateway, workers: int, patience: float) -> RunOptions:
        """How a run goes about its work in this world."""
        waits = timedelta(seconds=patience)
        return RunOptions(workers, waits, self.now, self.sleep, stripe_clock=gateway.clock.reading)

    def problems(self) -> list[str]:
        """Everything that is not as it must be once the month is synced: nothing twice, nothing lost, nothing left."""
        self.emulator.release()
        self.emulator.clear_faults()
        report = self.emulator.report()
        found = [f"{violation['rule']}: {violation['message']}" for violation in report["violations"]]
        if drafts := report["invoices"].get("draft", 0):
            found.append(f"{drafts} drafts left at Stripe")
        with self.engine.connect() as connection:
            open_rows = connection.scalar(
                select(func.count()).select_from(stripe_sync).where(stripe_sync.c.state != "finalized")
            )
            orgs = connection.scalar(select(func.count()).select_from(organizations))
        if open_rows:
            found.append(f"{open_rows} invoices are not finalized in our ledger")
        if report["customers"] != orgs:
            found.append(f"{report['customers']} customers at Stripe for {orgs} orgs")
        result = reconcile(MONTH, ours=Billed(self.engine), theirs=InvoiceListing(self.gateway()))
        if not result.proven:
            found.append(f"not reconciled: {result.failure or result.differences.to_dict('records')}")
        return found

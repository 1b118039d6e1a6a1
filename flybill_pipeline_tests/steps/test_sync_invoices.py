"""The sync from the database to Stripe's stand-in, in ordinary weather."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, func, select

from flybill_pipeline.steps.sync_invoices import SyncReport, sync_invoices
from flybill_pipeline.stores.sync_ledger import SyncLedger
from flybill_pipeline.stores.tables import organizations, stripe_sync
from flybill_pipeline.stripe_gateway.gateway import Gateway
from flybill_pipeline_tests.chaos.months import MONTH, plant
from flybill_pipeline_tests.emulator_process import EmulatorProcess


@pytest.fixture(scope="module")
def emulator_process() -> Iterator[EmulatorProcess]:
    with EmulatorProcess() as process:
        yield process


@pytest.fixture
def emulator(emulator_process: EmulatorProcess) -> EmulatorProcess:
    emulator_process.reset()
    emulator_process.clear_faults()
    return emulator_process


def sync(engine: Engine, emulator: EmulatorProcess, *, workers: int = 8, patience: float = 20.0) -> SyncReport:
    with SyncLedger(engine) as ledger:
        return sync_invoices(
            MONTH,
            ledger=ledger,
            stripe=Gateway("sk_test_123", base=emulator.url, rate=1000),
            workers=workers,
            patience=patience,
        )


def test_each_invoice_takes_three_calls_and_one_for_a_new_customer(engine: Engine, emulator: EmulatorProcess) -> None:
    plant(engine, 20, lines=12)
    report = sync(engine, emulator)
    assert (report.finalized, report.waiting, report.blocked, report.mismatch) == (20, 0, 0, 0)
    assert report.complete
    assert report.calls == 20 * 4
    there = emulator.report()
    assert there["violations"] == []
    assert there["invoices"]["open"] == 20
    assert there["lines"] == 20 * 12
    with engine.connect() as connection:
        assert connection.scalar(select(func.sum(stripe_sync.c.calls))) == 60
        assert connection.scalar(select(func.count()).where(organizations.c.stripe_customer_id.is_(None))) == 0


def test_a_second_run_sends_nothing(engine: Engine, emulator: EmulatorProcess) -> None:
    plant(engine, 3)
    sync(engine, emulator)
    again = sync(engine, emulator)
    assert (again.finalized, again.already, again.calls) == (0, 3, 0)

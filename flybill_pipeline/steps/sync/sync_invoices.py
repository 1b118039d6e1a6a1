"""Syncs a month's finalized invoices to Stripe, many orgs at once, each once. A single one: `one_invoice.py`."""

import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.sync.values import SETTLED, Progress, SyncFailure, SyncTask
from flybill_pipeline.steps.sync.breaker import Judge
from flybill_pipeline.steps.sync.customer import bring_customer
from flybill_pipeline.steps.sync.heartbeat import Heartbeat
from flybill_pipeline.steps.sync.one_invoice import bring_invoice
from flybill_pipeline.steps.sync.ports import Ledger, Pace, Rows, Stripe
from flybill_pipeline.steps.sync.queue import Turn, WorkQueue
from flybill_pipeline.steps.sync.row import Clock, DurableRow, Outcome, Pause
from flybill_pipeline.steps.sync.tally import Tally

WORKERS = 24
"""75 calls a second at 0.3 s each keep so many busy."""
PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a run did, and where its scope (a month's shard, or some orgs of it) stands now, in numbers of invoices.

    finalized: brought through by this run; already: before it. waiting may be retried as it is; blocked and mismatch
    wait for a person. `stopped` is why no calls are made for anybody at present, None when they are.
    """

    finalized: int
    already: int
    waiting: int
    blocked: int
    mismatch: int
    calls: int
    rate_limited: int
    recoveries: int
    ambiguous: int
    stopped: str | None
    failures: Sequence[SyncFailure]

    @property
    def complete(self) -> bool:
        """Whether every invoice of the scope is finalized at Stripe."""
        return not (self.waiting or self.blocked or self.mismatch)


def sync_invoices(
    month: Month,
    *,
    ledger: Ledger,
    stripe: Stripe,
    shard: int | None = None,
    org_ids: Collection[str] | None = None,
    workers: int = WORKERS,
    patience: float = PATIENCE,
    clock: Clock = lambda: datetime.now(UTC),
    sleep: Callable[[float], None] = time.sleep,
    pace: Pace | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> SyncReport:
    """Brings every open invoice of the month (of one shard, or of some orgs) to Stripe and says how it went.

    It may be run again at any time, by several processes at once, and after any crash: an invoice gets to Stripe once.
    `patience` is how many seconds it goes on without any success before it leaves the rest waiting. Several processes
    share the account's rate limit through `pace`. `tell` hears now and then how far it is.
    """
    before = ledger.states(month, shard, org_ids).get("finalized", 0)
    works, tally = ledger.open_work(month, shard, org_ids), Tally()
    judge = Judge(ledger.breaker, len(works), clock=clock, patience=patience, calls=lambda: tally["calls"])
    queue = WorkQueue(works, clock=clock, sleep=sleep, workers=workers, judge=judge)
    tally.on_success = queue.succeeded
    run = _Run(ledger, stripe, queue, clock, tally)
    if works and judge.stopped is None:
        with Heartbeat(
            ledger.runs, month, shard, org_ids, tally=tally, pace=pace, clock=clock, on_beat=queue.obey, tell=tell
        ):
            _work_together(run, queue, workers)
    states = dict(ledger.states(month, shard, org_ids))
    return SyncReport(
        finalized=queue.ends["finalized"],
        already=before,
        waiting=sum(count for state, count in states.items() if state not in SETTLED),
        blocked=states.get("blocked", 0),
        mismatch=states.get("mismatch", 0),
        calls=run.tally["calls"],
        rate_limited=run.tally["rate_limited"],
        recoveries=run.tally["recoveries"],
        ambiguous=run.tally["ambiguous"],
        stopped=judge.stopped.sentence if judge.stopped else None,
        failures=ledger.failures(month, shard, org_ids),
    )


def _work_together(run: "_Run", queue: WorkQueue, workers: int) -> None:
    with ThreadPoolExecutor(workers, thread_name_prefix="sync") as pool:
        try:
            for worker in [pool.submit(run.work) for _ in range(workers)]:
                worker.result()
        except BaseException:
            queue.abandon()  # the pool waits for its threads: without this an interrupt would wait for the whole month
            raise


class _Run:
    """What the workers of one run share."""

    def __init__(self, ledger: Ledger, stripe: Stripe, queue: WorkQueue, clock: Clock, tally: Tally) -> None:
        self.tally = tally
        self._ledger, self._stripe, self._queue, self._clock = ledger, stripe, queue, clock

    def work(self) -> None:
        """One worker: takes invoices until the run is over."""
        while (turn := self._queue.take()) is not None:
            try:
                with self._ledger.claim(turn.work) as task:
                    outcome = Outcome("taken") if task is None else self._bring(task, turn)
            except BaseException:
                self._queue.abandon()
                raise
            self._queue.settle(turn, outcome)

    def _bring(self, task: SyncTask, turn: Turn) -> Outcome:
        if task.row.state in SETTLED:
            return Outcome("already")
        invoice, org = task.invoice, task.invoice.org
        row = self._row(self._ledger.invoices, invoice.invoice_id, task.row, turn)
        if org.customer_id is None and task.customer_row is not None:
            customer = self._row(self._ledger.customers, org.org_id, task.customer_row, turn)
            try:
                org = bring_customer(org, customer, self._stripe, self.tally)
            except Pause as pause:
                return _without_customer(row, pause.outcome)
        return bring_invoice(replace(invoice, org=org), row, self._stripe, self.tally)

    def _row(self, rows: Rows, row_id: str, row: Progress, turn: Turn) -> DurableRow:
        return DurableRow(
            rows,
            row_id,
            row,
            clock=self._clock,
            tally=self.tally,
            waits=turn.waits,
            stopping=self._queue.stopping,
        )


def _without_customer(row: DurableRow, outcome: Outcome) -> Outcome:
    """The same end for the invoice, on its own row: that is where its failure is looked for."""
    if outcome.failure is None:
        return outcome
    try:
        return row.failed(outcome.failure).outcome
    except Pause as pause:
        return pause.outcome

"""Syncs a month's finalized invoices to Stripe, many orgs at once, each once. A single one: `one_invoice.py`."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime

from flybill_pipeline.billing.sync.values import AT_REST, Progress, SyncFailure, SyncOrg, SyncScope, SyncTask
from flybill_pipeline.steps.sync.breaker import Judge
from flybill_pipeline.steps.sync.customer import bring_customer
from flybill_pipeline.steps.sync.heartbeat import Heartbeat
from flybill_pipeline.steps.sync.one_invoice import bring_invoice
from flybill_pipeline.steps.sync.options import RunOptions
from flybill_pipeline.steps.sync.ports import Ledger, Rows, Stripe
from flybill_pipeline.steps.sync.queue import Turn, WorkQueue
from flybill_pipeline.steps.sync.row import DurableRow, Ending, Pause, RunContext
from flybill_pipeline.steps.sync.tally import Tally
from flybill_pipeline.steps.sync.tell_customer import tell_customer


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


def sync_invoices(scope: SyncScope, *, ledger: Ledger, stripe: Stripe, options: RunOptions) -> SyncReport:
    """Brings every open invoice of the scope to Stripe and says how it went.

    It may be run again at any time, by several processes at once, and after any crash: an invoice gets to Stripe once.
    """
    before = ledger.states(*scope).get("finalized", 0)
    works, tally, clock = ledger.open_work(*scope), Tally(), options.clock
    judge = Judge(ledger, scope, works, options)
    queue = WorkQueue(works, clock=clock, sleep=options.sleep, workers=options.workers, judge=judge)
    tally.on_success = queue.succeeded
    run = _Run(ledger, stripe, queue, RunContext(clock, tally, queue.stopping, _stripe_time(ledger, options)))
    if works and judge.stopped is None and (problem := stripe.tax_problem()):
        judge.refused(problem)
    if works and judge.stopped is None:
        with Heartbeat(ledger, scope, tally, options, queue.obey):
            _work_together(run, queue, options.workers)
    states = dict(ledger.states(*scope))
    return SyncReport(
        finalized=queue.ends["finalized"],
        already=before,
        waiting=sum(count for state, count in states.items() if state not in AT_REST),
        blocked=states.get("blocked", 0),
        mismatch=states.get("mismatch", 0),
        calls=tally["calls"],
        rate_limited=tally["rate_limited"],
        recoveries=tally["recoveries"],
        ambiguous=tally["ambiguous"],
        stopped=judge.stopped.sentence if judge.stopped else None,
        failures=ledger.failures(*scope),
    )


def _stripe_time(ledger: Ledger, options: RunOptions) -> Callable[[], datetime | None]:
    """Stripe's clock in the newest answer of this process, and until there is one, of any before it."""
    before = ledger.clock.reading()

    def stripe_time() -> datetime | None:
        newest = options.stripe_clock() or before
        return None if newest is None else newest.stripe_at

    return stripe_time


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

    def __init__(self, ledger: Ledger, stripe: Stripe, queue: WorkQueue, context: RunContext) -> None:
        self._ledger, self._stripe, self._queue, self._context = ledger, stripe, queue, context

    def work(self) -> None:
        """One worker: takes invoices until the run is over."""
        while (turn := self._queue.take()) is not None:
            try:
                with self._ledger.claim(turn.work) as task:
                    ending = Ending("taken") if task is None else self._bring(task, turn)
            except BaseException:
                self._queue.abandon()
                raise
            self._queue.ended(turn, ending)

    def _bring(self, task: SyncTask, turn: Turn) -> Ending:
        if task.row.state in AT_REST:
            return Ending("already")
        invoice = task.invoice
        row = self._row(self._ledger.invoices, invoice.invoice_id, task.row, turn)
        try:
            org = self._customer(task, turn)
        except Pause as pause:
            return _without_customer(row, pause.ending)
        sent = self._stripe.contents.as_sent(replace(invoice, org=org))
        return bring_invoice(sent, row, self._stripe, self._context.tally)

    def _customer(self, task: SyncTask, turn: Turn) -> SyncOrg:
        """The org with its customer, which knows what it is to know; raises Pause when that did not succeed."""
        org, made = task.invoice.org, task.customer_row
        if org.customer_id is None and made is not None:
            customer = self._row(self._ledger.customers, org.org_id, made, turn)
            org = bring_customer(org, customer, self._stripe, self._context.tally)
            made = customer.progress
        if org.customer_id is not None:
            profile = self._row(self._ledger.profiles, org.org_id, task.profile_row, turn)
            tell_customer(org, task.invoice.currency, profile, made, self._stripe, self._context.tally)
        return org

    def _row(self, rows: Rows, row_id: str, row: Progress, turn: Turn) -> DurableRow:
        return DurableRow(rows, row_id, row, self._context, waits=turn.waits)


def _without_customer(row: DurableRow, ending: Ending) -> Ending:
    """The same end for the invoice, on its own row: that is where its failure is looked for."""
    if ending.failure is None:
        return ending
    try:
        return row.failed(ending.failure).ending
    except Pause as pause:
        return pause.ending

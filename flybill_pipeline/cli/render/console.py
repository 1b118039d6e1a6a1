"""How results look to a person at a terminal: tables, progress, money. No queries, no decisions, no JSON."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from flybill_pipeline.billing.money.amounts import format_money
from flybill_pipeline.billing.payments.credit_notes import totals as credited
from flybill_pipeline.billing.payments.credit_notes import what_is_left
from flybill_pipeline.billing.payments.polls import Poll
from flybill_pipeline.cli.render.credits import credit_note_data, credit_remedy, show_credit_notes, show_what_is_left
from flybill_pipeline.cli.render.payments import payment_data, show_document
from flybill_pipeline.questions.owed import Owed
from flybill_pipeline.stores.payments.statements import Failure, MonthStatus

if TYPE_CHECKING:  # importing Dagster takes longer than answering `flybill owes`
    from flybill_pipeline.operating.runs import FailedRun
    from flybill_pipeline.operating.runs import Progress as Report

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def progress_bars() -> Iterator["Report"]:
    """Yields a callback that draws one bar for each stage on a terminal, and prints one line for each elsewhere."""
    if not err.is_terminal:
        yield _plain_progress
        return
    columns = (TextColumn("{task.description:<45}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err) as bars:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield report


def _plain_progress(stage: str, done: int, total: int) -> None:
    if done == total:
        err.print(f"{stage}: {done} of {total}")


def show_status(status: MonthStatus) -> None:
    """The month at a glance, then what a person has to mend."""
    out.print(f"[bold]{status.month}[/bold]: {status.organizations} organizations")
    table = Table(box=None, pad_edge=False, show_header=False)
    for outcome, count in status.outcomes.items():
        table.add_row(outcome.replace("_", " "), str(count))
    if status.undecided:
        table.add_row("not closed yet", str(status.undecided))
    if status.too_late:
        table.add_row("with usage too late to bill", str(status.too_late))
    for state, count in status.sync.items():
        table.add_row(f"sync: {state}", str(count))
    out.print(table)
    for entry in status.released:
        who, why = escape(entry["by"]), escape(entry["reason"])
        out.print(f"{escape(entry['org_id'])} ({entry['code']}) was released by {who}: {why}")
    show_totals(status.totals)
    show_credit_notes(status.credit_notes)
    synced = status.sync.get("finalized", 0)
    if synced:
        per_invoice = calls_per_invoice(status)
        out.print(f"Stripe calls: {status.calls} ({per_invoice} per finalized invoice)")
    show_failures(status.failures)


def calls_per_invoice(status: MonthStatus) -> str:
    """Calls of the month per invoice that stands in Stripe, with two decimals; "0.00" when there is none."""
    synced = status.sync.get("finalized", 0)
    hundredths = (status.calls * 200 + synced) // (2 * synced) if synced else 0
    return f"{hundredths // 100}.{hundredths % 100:02d}"


def show_numbers(title: str, numbers: Mapping[str, int]) -> None:
    """Whole numbers under a title, one a row."""
    out.print(f"\n[bold]{title}[/bold]")
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, number in numbers.items():
        table.add_row(name, f"{number:,}")
    out.print(table)


def show_totals(totals: Mapping[str, Mapping[str, int]]) -> None:
    """Per currency our total and what Stripe has of it."""
    if not totals:
        return
    table = Table(box=None, pad_edge=False)
    for title in ("currency", "invoiced here", "finalized in Stripe", "difference"):
        table.add_column(title, justify="left" if title == "currency" else "right")
    for currency, total in totals.items():
        ours, theirs = total["invoiced_minor"], total["synced_minor"]
        table.add_row(currency, *(format_money(amount, currency) for amount in (ours, theirs, ours - theirs)))
    out.print(table)


def show_failures(failures: Sequence[Failure], most: int = 20) -> None:
    """Who is not done, why, and what to do about it."""
    for failure in failures[:most]:
        out.print(f"[red]{escape(failure.org_id)}[/red] ({failure.stage}: {escape(failure.code)})")
        out.print(f"  what happened: {escape(failure.message)}")
        if failure.remedy:
            out.print(f"  what to do:    {escape(failure.remedy)}")
        if failure.customer_message:
            out.print(f"  customer sees: {escape(failure.customer_message)}")
        if failure.next_attempt_at:
            out.print(
                f"  next attempt:  {failure.next_attempt_at:%Y-%m-%d %H:%M:%S} UTC (attempt {failure.attempts + 1})"
            )
    if len(failures) > most:
        out.print(f"… and {len(failures) - most} more: `flybill status MONTH --json` lists all of them")


def show_failed_runs(failed: Sequence["FailedRun"]) -> None:
    """The runs that ended badly, once for each reason."""
    reasons: dict[str, list[str]] = {}
    for run in failed:
        reasons.setdefault(run.reason, []).append(f"{run.job} {run.partition or ''}".strip())
    for reason, runs in reasons.items():
        more = f" and {len(runs) - 1} more" if len(runs) > 1 else ""
        err.print(f"[red]failed:[/red] {escape(runs[0])}{more}: {escape(reason)}")


def show_statement(owed: Owed, poll: Poll) -> None:
    """The bill as its developer reads it."""
    said, currency = owed.said, owed.facts.currency
    out.print(f"[bold]{escape(owed.org_id)}[/bold]: {escape(said.message)}")
    out.print(escape(said.next_step))
    if currency and said.state == "open":
        out.print(f"If the month goes on like this, it comes to about {format_money(said.forecast_minor, currency)}.")
    if owed.facts.usage_up_to:
        out.print(f"Usage is counted up to {owed.facts.usage_up_to:%Y-%m-%d %H:%M:%S} UTC.")
    if owed.facts.payment:
        show_document(owed.facts.payment, poll)
    if currency and owed.lines:
        table = Table(box=None, pad_edge=False)
        table.add_column("line", justify="right")
        table.add_column("what")
        table.add_column("amount", justify="right")
        for number, line in enumerate(owed.lines, start=1):
            table.add_row(str(number), escape(line["description"]), format_money(line["amount_minor"], currency))
        out.print(table)
    if owed.credit_notes:
        show_what_is_left(owed.facts.total_minor, owed.credit_notes)


def explained_events(events: Iterable[Mapping[str, Any]], limit: int, note: str = "") -> None:
    """Up to `limit` events, one a row; all are read, so that who counts them counts all."""
    count = 0
    for count, event in enumerate(events, start=1):
        if count <= limit:
            dimensions = " ".join(f"{name}={value}" for name, value in event["dimensions"].items())
            where = f"{event['file']} row {event['row']}"
            shown = (event["occurred_at"], f"{event['quantity']:>12}", event["event_id"], dimensions, where, note)
            out.print("   " + escape("  ".join(part for part in shown if part)))
    if count > limit:
        out.print(f"   … and {count - limit} more: --limit shows more, --json all")


def owed_data(owed: Owed, poll: Poll) -> dict[str, Any]:
    """The JSON of `flybill owes`."""
    facts, said = owed.facts, owed.said
    return {
        "org_id": owed.org_id,
        "month": str(facts.month),
        "state": said.state,
        "message": said.message,
        "next_step": said.next_step,
        "currency": facts.currency,
        "total_minor": facts.total_minor,
        "forecast_minor": said.forecast_minor,
        "usage_up_to": facts.usage_up_to.isoformat() if facts.usage_up_to else None,
        "invoice_number": facts.invoice_number,
        "hosted_invoice_url": facts.payment and facts.payment.hosted_invoice_url,
        "payment": facts.payment and payment_data(facts.payment),
        "payments_as_of": poll.read_up_to and poll.read_up_to.isoformat(),
        "lines": list(owed.lines),
        "credit_notes": [credit_note_data(note) for note in owed.credit_notes],
        "left_minor": what_is_left(facts.total_minor, owed.credit_notes) if facts.invoice_number else None,
    }


def status_data(status: MonthStatus) -> dict[str, Any]:
    """The JSON of `flybill status`."""
    return {
        "month": str(status.month),
        "organizations": status.organizations,
        "undecided": status.undecided,
        "outcomes": dict(status.outcomes),
        "sync": dict(status.sync),
        "totals": {currency: dict(total) for currency, total in status.totals.items()},
        "credited": credited(status.credit_notes),
        "credit_notes": [
            credit_note_data(note)
            | {"by": note.by, "what_happened": note.error_message, "what_to_do": credit_remedy(note)}
            for note in status.credit_notes
        ],
        "failures": [
            asdict(failure) | {"next_attempt_at": failure.next_attempt_at and failure.next_attempt_at.isoformat()}
            for failure in status.failures
        ],
        "lines": status.lines,
        "too_late": status.too_late,
        "released": [{**entry, "at": entry["at"].isoformat()} for entry in status.released],
        "stripe_calls": status.calls,
        "calls_per_invoice": calls_per_invoice(status),
    }


def show_working(working: Sequence[Mapping[str, str]], amount: str) -> None:
    """How an amount came about, step by step."""
    table = Table(box=None, pad_edge=False)
    names = list(dict.fromkeys(name for step in working for name in step))
    for name in names:
        table.add_column(name.replace("_", " "), justify="left" if name == "step" else "right")
    for step in working:
        table.add_row(*(step.get(name, "") for name in names))
    out.print(table)
    out.print(f"[bold]{amount}[/bold]")

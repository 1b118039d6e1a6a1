"""Whatever stands in an answer, the terminal gets text: no escape, no line break, no markup of anybody else's."""

import ast
import importlib
import io
import json
import pkgutil
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from flybill_pipeline.billing.alerts.events import Event
from flybill_pipeline.billing.alerts.plain import visible
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.quote import Quote
from flybill_pipeline.billing.usage.texts import without_nul
from flybill_pipeline.cli import render
from flybill_pipeline.cli.render import (
    credit_notes,
    demo,
    events,
    examined,
    explained,
    failed_runs,
    month_open,
    month_status,
    owed,
    payments,
    preview,
    quoted,
    reconciliation,
    rejected_usage,
    repriced,
    screen,
    sync_progress,
    taken_tables,
    untold,
    verified,
)
from flybill_pipeline.demo.play import Closed, Played
from flybill_pipeline.exports import statement_json
from flybill_pipeline.operating.findings import Examined
from flybill_pipeline.operating.runs import FailedRun
from flybill_pipeline.questions.credited import Credited
from flybill_pipeline.questions.explained import ExplainedMonth
from flybill_pipeline.questions.month_status import MonthOverview
from flybill_pipeline.questions.owed import Owed
from flybill_pipeline.questions.payments import PaymentsKept
from flybill_pipeline.questions.previewed import Previewed
from flybill_pipeline.questions.rejected_usage import RejectedUsage
from flybill_pipeline.questions.repriced import RepricedMonth
from flybill_pipeline.questions.sync_progress import SyncNow
from flybill_pipeline.questions.verified import VerifiedMonth
from flybill_pipeline_tests.cli.render.hostile import MARKUP, TEXT, hostile
from flybill_pipeline_tests.conftest import PROJECT

OURS = re.compile("\x1b\\[(0|1|31|33)m")
"""The colours that we set ourselves."""
VISIBLE = visible(TEXT)

SHOWN: dict[Callable[..., Any], Callable[[], tuple[Any, ...]]] = {
    credit_notes.show_credit_notes: lambda: (hostile(MonthOverview).bills.credit_notes,),
    credit_notes.show_credited: lambda: (hostile(Credited),),
    credit_notes.show_what_is_left: lambda: (7, hostile(Owed).credit_notes),
    demo.show_closed: lambda: (hostile(Closed),),
    demo.show_played: lambda: (hostile(Played), Path("/home/acme/demo")),
    examined.show_examined: lambda: (hostile(Examined),),
    preview.show_preview: lambda: (hostile(Previewed),),
    events.show_events: lambda: ([hostile(Event)],),
    failed_runs.show_failed_runs: lambda: ([hostile(FailedRun)],),
    failed_runs.show_unpublished: lambda: (hostile(FailedRun),),
    explained.show_explained: lambda: (hostile(ExplainedMonth), 5),
    month_open.show_first: lambda: (Month.parse("2025-10"), Month.parse("2025-11"), None),
    month_open.show_running: lambda: (Month.parse("2025-10"), datetime(2025, 10, 5, tzinfo=UTC)),
    month_open.show_late: lambda: (hostile(MonthOverview).late,),
    month_open.show_overdue: lambda: ({Month.parse("2025-10"): 3},),
    month_status.show_bills: lambda: (hostile(MonthOverview).bills,),
    month_status.show_overview: lambda: (hostile(MonthOverview),),
    month_status.show_totals: lambda: (hostile(MonthOverview).bills.totals,),
    owed.show_owed: lambda: (hostile(Owed),),
    payments.show_payments: lambda: (hostile(MonthOverview).payments,),
    payments.show_read: lambda: (hostile(PaymentsKept), hostile(PaymentsKept)),
    reconciliation.show_stripe: lambda: (hostile(MonthOverview).stripe,),
    reconciliation.show_verdict: lambda: (hostile(MonthOverview).reconciliation,),
    quoted.show_quote: lambda: (hostile(Quote),),
    rejected_usage.show_count: lambda: (hostile(RejectedUsage),),
    rejected_usage.show_rejected: lambda: (hostile(RejectedUsage),),
    repriced.show_repriced: lambda: (hostile(RepricedMonth),),
    sync_progress.show_sync: lambda: (hostile(SyncNow),),
    taken_tables.show_tables: lambda: (hostile(MonthOverview).tables,),
    untold.show_untold: lambda: (hostile(MonthOverview).untold,),
    verified.show_verified: lambda: (hostile(VerifiedMonth),),
}
NUMBERS_ONLY = {
    month_open.show_first,
    month_open.show_running,
    month_open.show_late,
    month_open.show_overdue,
    month_status.show_totals,
    rejected_usage.show_count,
}
"""What shows no text of anybody's, but numbers, months and currencies."""
WRITTEN: dict[Callable[..., Any], Callable[[], tuple[Any, ...]]] = {
    credit_notes.credited_data: lambda: (hostile(Credited),),
    events.events_data: lambda: ([hostile(Event)],),
    demo.played_data: lambda: (hostile(Played),),
    examined.examined_data: lambda: (hostile(Examined),),
    preview.preview_data: lambda: (hostile(Previewed),),
    month_status.overview_data: lambda: (hostile(MonthOverview),),
    statement_json.owed_data: lambda: (hostile(Owed),),
    payments.read_data: lambda: (hostile(PaymentsKept), hostile(PaymentsKept)),
    quoted.quote_data: lambda: (hostile(Quote),),
    rejected_usage.rejected_data: lambda: (hostile(RejectedUsage),),
    repriced.repriced_data: lambda: (hostile(RepricedMonth),),
    verified.verified_data: lambda: (hostile(VerifiedMonth),),
}


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """A colour terminal, wide enough for everything, to which both streams go."""
    shown = io.StringIO()
    for name in ("_out", "err"):
        console = screen._console(file=shown, force_terminal=True, color_system="standard", width=100_000, height=50)
        monkeypatch.setattr(screen, name, console)
    yield shown


@pytest.mark.parametrize("show", SHOWN, ids=lambda show: show.__name__)
def test_a_hostile_text_is_shown_as_it_is_written(show: Callable[..., Any], terminal: io.StringIO) -> None:
    show(*SHOWN[show]())
    text = OURS.sub("", terminal.getvalue())
    assert text and [each for each in text.replace("\n", "") if not each.isprintable()] == []
    assert show in NUMBERS_ONLY or VISIBLE in text
    assert text.count("evil") == text.count(MARKUP)


@pytest.mark.parametrize("data", WRITTEN, ids=lambda data: data.__name__)
def test_json_is_plain_ascii_and_holds_the_very_text(data: Callable[..., Any], capfd: Any) -> None:
    answer = data(*WRITTEN[data]())
    screen.json_document(answer)
    written = capfd.readouterr().out
    assert [each for each in written.replace("\n", "") if not (each.isascii() and each.isprintable())] == []
    assert json.loads(written) == json.loads(json.dumps(answer))


def test_the_json_of_explain_is_plain_ascii_too(capfd: Any) -> None:
    explained.write_explained(hostile(ExplainedMonth))
    written = capfd.readouterr().out
    assert [each for each in written.replace("\n", "") if not (each.isascii() and each.isprintable())] == []
    (line,) = json.loads(written)["lines"]
    assert json.loads(written)["org_id"] == TEXT
    assert line["events"][0]["dimensions"][TEXT] == without_nul(TEXT)


def test_no_way_of_showing_or_writing_is_left_out() -> None:
    modules = [
        importlib.import_module(f"{render.__name__}.{each.name}") for each in pkgutil.iter_modules(render.__path__)
    ]
    public = {name: value for module in modules for name, value in vars(module).items() if name.startswith("show_")}
    assert set(public) == {show.__name__ for show in SHOWN}


def test_nothing_but_the_door_speaks_to_the_terminal() -> None:
    speakers = {}
    for file in sorted((PROJECT / "flybill_pipeline" / "cli").rglob("*.py")):
        words = set(_spoken(ast.parse(file.read_text())))
        if words:
            speakers[file.name] = words
    assert speakers.pop("progress.py") == {"rich.progress"}
    assert set(speakers) == {"screen.py"}


def _spoken(tree: ast.AST) -> Iterator[str]:
    """What in a module can print: rich, print, click's echo, the streams themselves."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "rich":
            yield str(node.module)
        elif isinstance(node, ast.Import):
            yield from (each.name for each in node.names if each.name.split(".")[0] == "rich")
        elif isinstance(node, ast.Attribute) and node.attr in ("echo", "secho", "stdout", "stderr"):
            yield node.attr
        elif isinstance(node, ast.Name) and node.id == "print":
            yield "print"

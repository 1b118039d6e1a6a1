"""What is looked for while an answer is shown is looked for while the database is open: it may be gone right after."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from flybill_pipeline.cli import asking, exporting
from flybill_pipeline.cli.commands import flybill
from flybill_pipeline.questions.owed import Owed
from flybill_pipeline_tests.cli.render.hostile import hostile


@pytest.mark.parametrize(
    "command", [["owes", "acme"], ["owes", "acme", "--json"], ["export", "acme", "2026-10", "--format", "json"]]
)
def test_nothing_is_asked_of_a_database_that_was_let_go(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: list[str]
) -> None:
    held: list[str] = []
    looked: list[bool] = []

    @contextmanager
    def toolbox(_settings: object) -> Iterator[object]:
        held.append("held")
        yield SimpleNamespace(now=lambda: hostile(Owed).poll.read_up_to)
        held.clear()

    def look() -> tuple[()]:
        looked.append(bool(held))
        return ()

    answer: Callable[..., Owed] = lambda *_: replace(hostile(Owed), find_unread=look, find_unrecorded=look)  # noqa: E731
    monkeypatch.setattr("flybill_pipeline.questions.owed.owed", answer)
    for module in (asking, exporting):
        monkeypatch.setattr(module, "toolbox", toolbox)
        monkeypatch.setattr(module, "usable_settings", lambda: None)
    out = ["--out", str(tmp_path / "kept")] if command[0] == "export" else []
    CliRunner().invoke(flybill, [*command, *out], catch_exceptions=False)
    assert looked and all(looked)

"""The shape of the code: layers, sizes, docstrings, and what an answer at the terminal may not wait for."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from importlinter import cli as importlinter

from flybill_pipeline_tests.conftest import PROJECT

MODULES = sorted((PROJECT / "flybill_pipeline").rglob("*.py"))
LONGEST_FILE, LONGEST_FUNCTION = 300, 50


def functions(module: Path) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.FunctionDef):
            yield node


def size(function: ast.FunctionDef) -> int:
    """Lines of a function, without those of the functions in it: a factory of definitions is as long as they are."""
    inner = [node for node in ast.walk(function) if isinstance(node, ast.FunctionDef) and node is not function]
    own = set(range(function.lineno, (function.end_lineno or 0) + 1))
    for node in inner:
        own -= set(range(node.lineno, (node.end_lineno or 0) + 1))
    return len(own)


def test_the_layers_hold(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(PROJECT)
    broken = importlinter.lint_imports(no_cache=True)
    assert broken == importlinter.EXIT_STATUS_SUCCESS, capfd.readouterr().out


def test_every_module_says_what_belongs_in_it() -> None:
    silent = [str(module) for module in MODULES if not ast.get_docstring(ast.parse(module.read_text()))]
    assert silent == []


def test_no_file_is_too_long() -> None:
    lengths = {str(module): len(module.read_text().splitlines()) for module in MODULES}
    assert {module: lines for module, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_no_function_is_too_long() -> None:
    lengths = {f"{module}:{found.name}": size(found) for module in MODULES for found in functions(module)}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FUNCTION} == {}


FOR_NO_ANSWER = (
    *("dagster", "stripe", "pandas", "ibis", "pyarrow", "pyiceberg", "obstore", "jinja2", "http", "smtplib", "alembic"),
    *(f"flybill_pipeline.{room}" for room in ("notifiers.posting", "steps.alerts", "steps.payments", "steps.sync")),
    *(f"flybill_pipeline.stores.usage.{module}" for module in ("intake.take", "intake.landing", "engines.summing")),
)
"""What an answer at the terminal does not import; the files of usage that a running month is read from need DuckDB."""


@pytest.mark.parametrize("slow", [*FOR_NO_ANSWER, "duckdb"])
def test_a_status_does_not_wait_for_what_it_does_not_need(slow: str, imported: tuple[set[str], set[str]]) -> None:
    settled, running = imported
    assert slow not in settled
    assert slow not in running or slow == "duckdb"


@pytest.fixture(scope="module")
def imported() -> tuple[set[str], set[str]]:
    """What a fresh interpreter has loaded once `status` and `owes` can answer: of a settled month, of a running one."""
    names = ("toolbox.wiring", "questions.month_status", "questions.owed", "cli.render.month_status", "cli.render.owed")
    of_settled = ", ".join(f"flybill_pipeline.{name}" for name in ("cli.commands", *names))
    usage = ("lake.lake", "lake.pinned_catalog", "months.monthly_usage", "intake.open_zone")
    of_running = ", ".join(f"flybill_pipeline.stores.usage.{name}" for name in usage)
    program = f"import sys, {of_settled}; print(*sys.modules); import {of_running}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=PROJECT, check=True)
    settled, running = (set(line.split()) for line in done.stdout.splitlines())
    return settled, running


def test_nothing_points_to_a_page_that_is_not_in_the_project() -> None:
    tests = (PROJECT / "flybill_pipeline_tests").rglob("*.py")
    pages = ("DES" + "IGN", "HOUSE" + ".md", "facts" + "/")
    pointing = {str(path): page for path in [*MODULES, *tests] for page in pages if page in path.read_text()}
    assert pointing == {}

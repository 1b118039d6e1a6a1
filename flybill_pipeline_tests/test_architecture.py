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


@pytest.mark.parametrize("slow", ["dagster", "duckdb", "stripe", "pandas", "ibis", "pyarrow", "pyiceberg", "jinja2"])
def test_a_status_does_not_wait_for_what_it_does_not_need(slow: str, imported: set[str]) -> None:
    assert slow not in imported


@pytest.fixture(scope="module")
def imported() -> set[str]:
    """The top-level packages that a fresh interpreter has loaded once `status` and `owes` could answer."""
    names = ("toolbox.wiring", "questions.month_status", "questions.owed", "cli.render.month_status", "cli.render.owed")
    modules = ", ".join(f"flybill_pipeline.{name}" for name in ("cli.commands", *names))
    program = f"import sys, {modules}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=PROJECT, check=True)
    return set(done.stdout.split())


def test_nothing_points_to_a_page_that_is_not_in_the_project() -> None:
    tests = (PROJECT / "flybill_pipeline_tests").rglob("*.py")
    pages = ("DES" + "IGN", "HOUSE" + ".md", "facts" + "/")
    pointing = {str(path): page for path in [*MODULES, *tests] for page in pages if page in path.read_text()}
    assert pointing == {}

"""Asset bodies are short and call one step each; a framework's exception is never the result of our own function."""

import ast
from collections.abc import Iterator

import pytest

from flybill_pipeline_tests.conftest import PROJECT

ASSETS = sorted((PROJECT / "flybill_pipeline" / "defs" / "assets").glob("*.py"))
MOST_LINES = 15
STEPS = (
    "flybill_pipeline.steps.",
    "flybill_pipeline.questions.",
    "flybill_pipeline.toolbox.closing",
    "flybill_pipeline.toolbox.publishing",
    "flybill_pipeline.toolbox.reading",
)


def steps_of(module: ast.Module) -> set[str]:
    """The names of steps, questions and closings that a module imports."""
    imports = [node for node in module.body if isinstance(node, ast.ImportFrom)]
    return {name.name for node in imports if (node.module or "").startswith(STEPS) for name in node.names}


def bodies() -> Iterator[tuple[str, ast.FunctionDef, set[str]]]:
    """Every asset: its name, its function, and the steps that its module knows."""
    for path in ASSETS:
        module = ast.parse(path.read_text())
        for node in ast.walk(module):
            if isinstance(node, ast.FunctionDef) and any("dg.asset" in ast.unparse(d) for d in node.decorator_list):
                yield node.name, node, steps_of(module)


@pytest.mark.parametrize(("name", "body", "steps"), list(bodies()), ids=[name for name, _, _ in bodies()])
def test_a_body_is_short_and_calls_one_step(name: str, body: ast.FunctionDef, steps: set[str]) -> None:
    statements = body.body[1:]  # without the docstring
    assert (body.end_lineno or 0) - statements[0].lineno + 1 <= MOST_LINES, name
    # What only looks at a report takes no toolbox.
    calls = [node for each in statements for node in ast.walk(each) if isinstance(node, ast.Call)]
    with_tools = [call for call in calls if any("toolbox" in ast.unparse(each) for each in ast.iter_child_nodes(call))]
    called = [ast.unparse(call.func) for call in with_tools if ast.unparse(call.func) in steps]
    assert len(called) == 1, called


def test_these_are_all_assets() -> None:
    assert len(list(bodies())) == 13


def test_no_exception_of_dagsters_is_caught() -> None:
    caught = [
        f"{path}:{node.lineno}"
        for path in (PROJECT / "flybill_pipeline" / "defs").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler) and node.type is not None and "dg." in ast.unparse(node.type)
    ]
    assert caught == []

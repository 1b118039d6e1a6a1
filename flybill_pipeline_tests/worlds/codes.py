"""The codes that the package makes, read from its source: what a table of words or a page must have. No assertions."""

import ast
from collections.abc import Iterator
from pathlib import Path

from flybill_pipeline_tests.worlds.project import PROJECT

PACKAGE = PROJECT / "flybill_pipeline"
HOLD_MAKERS = {"HoldReason", "UnpricedUsage"}
"""What makes a reason to hold a month."""


def codes(makers: set[str], *folders: str) -> set[str]:
    """The codes that calls of these makers name, in the folders of the package."""
    return {code for folder in folders for file in (PACKAGE / folder).rglob("*.py") for code in _codes(file, makers)}


def _codes(file: Path, makers: set[str]) -> Iterator[str]:
    tree = ast.parse(file.read_text())
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in makers:
            named = [word.value for word in node.keywords if word.arg == "code"]
            for value in named or node.args[:1]:
                match value:
                    case ast.Constant(value=str(code)):
                        yield code
                    case ast.Name(id=name) if name in constants:
                        yield str(constants[name])

"""What no query of ours does, as it would take as long as the square of its rows: found where it is said.

What a single query takes stands with the store that asks it.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from flybill_pipeline_tests.worlds.project import PROJECT

STORES = PROJECT / "flybill_pipeline" / "stores"
WITHIN_A_TEXT = re.compile(r"(?i)\bnot\s+in\s*\(\s*select\b")


def test_what_another_query_finds_is_left_out_by_not_exists() -> None:
    """Postgres compares each with each where `not in` finds more than fits into its memory: minutes, not seconds."""
    modules = [module for module in STORES.rglob("*.py") if "migrations" not in module.parts]
    assert [f"{module.name}: {found}" for module in modules for found in comparing(module)] == []


def test_such_a_query_is_found(tmp_path: Path) -> None:
    for text in ("c.org_id.not_in(others)", "c.org_id.not_in(select(c.org_id))", "text('x NOT IN (select 1)')"):
        (tmp_path / "store.py").write_text(text)
        assert list(comparing(tmp_path / "store.py")) != []
    (tmp_path / "store.py").write_text("c.state.not_in(AT_REST)\nc.state.not_in(('paid', 'void'))")
    assert list(comparing(tmp_path / "store.py")) == []


def comparing(module: Path) -> Iterator[str]:
    """What a module says that leaves out a query's rows by `not in`; constants and lists are no queries."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "not_in":
            (left_out,) = node.args
            if not isinstance(left_out, ast.Tuple | ast.List | ast.Set) and not ast.unparse(left_out).isupper():
                yield ast.unparse(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and WITHIN_A_TEXT.search(node.value):
            yield node.value

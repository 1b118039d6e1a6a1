"""The billing package is pure: the standard library only, no clock, no I/O, no floats. Read from its source."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from flybill_pipeline import billing

FILES = sorted(Path(billing.__path__[0]).rglob("*.py"))
ALLOWED = """
    bisect collections contextlib dataclasses datetime decimal enum functools hashlib itertools json re types typing
    unicodedata flybill_pipeline
"""
CLOCK = {"now", "today", "utcnow"}


def _offences(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=float() | complex() as value):
                yield f"line {node.lineno}: the float {value}"
            case ast.Call(func=ast.Name(id="float")):
                yield f"line {node.lineno}: float()"
            case ast.Attribute(attr=name) if name in CLOCK:
                yield f"line {node.lineno}: .{name}() asks a clock"
            case ast.Import(names=names):
                yield from (f"line {node.lineno}: import {a.name}" for a in names if _stranger(a.name))
            case ast.ImportFrom(module=module) if _stranger(module or ""):
                yield f"line {node.lineno}: from {module}"
            case _:
                pass


def _stranger(module: str) -> bool:
    top, _, rest = module.partition(".")
    return top not in ALLOWED.split() or (top == "flybill_pipeline" and rest.split(".")[0] != "billing")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_billing_is_pure(file: Path) -> None:
    assert list(_offences(ast.parse(file.read_text()))) == []


@pytest.mark.parametrize(
    "source",
    [
        "x = 1.5",
        "float('1')",
        "import os",
        "from random import choice",
        "datetime.now()",
        "import flybill_pipeline.stores",
        "from . import x",
    ],
)
def test_the_scan_sees_what_it_should(source: str) -> None:
    assert list(_offences(ast.parse(source)))

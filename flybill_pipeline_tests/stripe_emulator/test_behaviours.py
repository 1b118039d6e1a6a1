"""The table of behaviours is whole: nothing in the emulator's code is missing, each row has a source with its date, and
what is assumed is tried, and told to whoever reads the pages.
"""

import ast
import re
from datetime import date
from pathlib import Path

import flybill_pipeline.stripe_emulator as package
from flybill_pipeline.stripe_emulator.assumptions import ASSUMPTIONS
from flybill_pipeline.stripe_emulator.behaviours import BEHAVIOURS
from flybill_pipeline.stripe_emulator.faults import KINDS
from flybill_pipeline.stripe_emulator.router import ROUTES
from flybill_pipeline_tests.docs.pages import text_of
from flybill_pipeline_tests.stripe_emulator import test_contract

FOLDER = Path(package.__file__).parent
WORDS = {word for behaviour in BEHAVIOURS for word in re.findall(r"[a-z0-9_-]+", behaviour.what)}


def codes_in(source: str) -> set[str]:
    """The error codes and reasons of refusal that a module writes out."""
    tree = ast.parse(source)
    keywords = [
        node for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg in ("code", "decline_code")
    ]
    values = {node.value.value for node in keywords if isinstance(node.value, ast.Constant)}
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    reasons = {text for text in texts if re.fullmatch("(endpoint|global)-(rate|concurrency)", text)}
    return {str(value) for value in values if value is not None} | reasons


def test_every_behaviour_names_its_module_once() -> None:
    assert {behaviour.module for behaviour in BEHAVIOURS} <= {path.stem for path in FOLDER.glob("*.py")}
    assert len({(behaviour.module, behaviour.what) for behaviour in BEHAVIOURS}) == len(BEHAVIOURS)


def test_every_module_with_endpoints_has_behaviours() -> None:
    handlers = {route.handler.__module__.rsplit(".", 1)[-1] for route in ROUTES}
    assert handlers - {"router"} <= {behaviour.module for behaviour in BEHAVIOURS}


def test_every_error_code_and_reason_in_the_code_is_in_the_table() -> None:
    codes = {code for path in FOLDER.glob("*.py") for code in codes_in(path.read_text())}
    assert len(codes) > 15
    assert codes - WORDS == set()


def test_every_kind_of_fault_is_in_the_table() -> None:
    assert set(KINDS) - WORDS == set()


def test_every_row_has_a_source_with_its_date() -> None:
    assert all(row.source.where and date(2023, 1, 1) < row.source.seen < date(2027, 1, 1) for row in BEHAVIOURS)
    assert {row.source.kind for row in ASSUMPTIONS} == {"assumed"}
    assert [row.what for row in BEHAVIOURS if row.source.kind == "assumed"] == [row.what for row in ASSUMPTIONS]


def test_everything_assumed_is_tried_at_stripe_or_says_why_not() -> None:
    for behaviour in BEHAVIOURS:
        tried_by = behaviour.tried_by
        assert (tried_by is not None) == (behaviour.source.kind == "assumed"), behaviour.what
        if tried_by is not None and not tried_by.startswith("cannot be tried: "):
            assert hasattr(test_contract, tried_by), behaviour.what


def test_the_page_that_readme_names_tells_everything_assumed_and_nothing_else() -> None:
    page = text_of("docs/assumed-of-stripe.md")
    assert "(docs/assumed-of-stripe.md)" in text_of("README.md")
    told = [" ".join(item.split()) for item in re.findall(r"^- (.*(?:\n  .*)*)", page, re.MULTILINE)]
    reasons = {row.what: (row.tried_by or "").partition("cannot be tried: ")[2] for row in ASSUMPTIONS}
    assert sorted(told) == sorted(f"{what} ({reason})" if reason else what for what, reason in reasons.items())

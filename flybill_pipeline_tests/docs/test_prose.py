"""What is written for people: no line too long, no sentence too long, plain words. Whether it is true: test_readme."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from flybill_pipeline_tests.conftest import PROJECT
from flybill_pipeline_tests.docs.pages import PAGES, named, prose, sentences

WIDEST = 120
LONGEST_HEADING = 80
SHOWN_FILE = re.compile(r"^```(csv|jsonl?|sql)\b.*?^```$", re.MULTILINE | re.DOTALL)
"""A file of usage on a page: an exporter writes its lines as long as it likes."""
LONGEST_SENTENCE = 36  # words
MODULES = sorted((PROJECT / "flybill_pipeline").rglob("*.py"))
DRAWN = {"flybill_pipeline/__init__.py", "flybill_pipeline/stripe_emulator/__init__.py"}
"""Modules whose docstring is a map, not prose."""
HARD = (  # each hides a noun, or is learned from books: say who, what, again, so, while, frees, without success
    "whoever", "whomever", "of which", "of whom", "to whom", "by whom", "anew", "thus", "hence", "in vain", "let go of",
    "lets go of", "meanwhile", "what there is of it", "thereof", "therein", "whereby", "so many seconds",
)  # fmt: skip


def hard_turns(text: str) -> list[str]:
    """The hard turns in a text, each with some words around it."""
    flat = " ".join(text.split())
    if not any(turn in flat.lower() for turn in HARD):  # which takes a hundredth of looking for whole words
        return []
    pattern = rf"(?<![\w-])(?:{'|'.join(HARD)})(?![\w-])"
    return [flat[max(0, turn.start() - 40) : turn.end() + 20] for turn in re.finditer(pattern, flat, re.IGNORECASE)]


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_no_line_of_a_page_is_too_long(page: Path) -> None:
    without_files = re.sub(SHOWN_FILE, lambda block: "\n" * block.group().count("\n"), page.read_text())
    lines = enumerate(without_files.splitlines(), start=1)
    assert [(number, len(line)) for number, line in lines if len(line) > WIDEST] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_no_heading_of_a_page_runs_into_its_text(page: Path) -> None:
    without_blocks = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ .*$", without_blocks, re.MULTILINE)
    assert [heading for heading in headings if len(heading) > LONGEST_HEADING] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_no_sentence_of_a_page_needs_a_second_reading(page: Path) -> None:
    assert [s for s in sentences(prose(page.read_text())) if len(s.split()) > LONGEST_SENTENCE] == []
    assert hard_turns(page.read_text()) == []


def docstrings(module: Path) -> Iterator[str]:
    """Every docstring of a module, its own and those of its classes and functions."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


def test_no_docstring_needs_a_second_reading() -> None:
    hard = [
        f"{named(module)}: {turn}" for module in MODULES for text in docstrings(module) for turn in hard_turns(text)
    ]
    assert hard == []
    read = [(named(module), text) for module in MODULES if named(module) not in DRAWN for text in docstrings(module)]
    assert [(name, s) for name, text in read for s in sentences(text) if len(s.split()) > LONGEST_SENTENCE] == []


def test_hard_turns_are_seen_over_the_ends_of_lines_and_not_inside_of_other_words() -> None:
    assert len(hard_turns("The file of\nwhich it came, Whoever wrote it, anew")) == 3
    assert hard_turns("mere thustle; a manew; sincere") == []

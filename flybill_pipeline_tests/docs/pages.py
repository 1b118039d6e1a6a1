"""The pages that people read about flybill, as text and as sentences. No assertions here."""

import re
from collections.abc import Iterator
from pathlib import Path

from flybill_pipeline_tests.conftest import PROJECT

DOCS = PROJECT / "docs"
PAGES = sorted([*PROJECT.glob("*.md"), *DOCS.rglob("*.md"), *PROJECT.glob("deploy/*.md")])
RECORDS = sorted((DOCS / "decisions").glob("[0-9]*.md"))


def named(page: Path) -> str:
    """The page as a person calls it: its path in the project."""
    return str(page.relative_to(PROJECT))


def text_of(*pages: str) -> str:
    """The pages with these paths in the project, one after another."""
    return "\n".join((PROJECT / page).read_text() for page in pages)


def prose(text: str) -> str:
    """A page without what is not prose: blocks of code, tables, headings; each item of a list ends a sentence."""
    without_code = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line for line in without_code.splitlines() if not line.startswith(("|", "#"))]
    return re.sub(r"^(\s*)(?:- |\d+\. |→ )", r".\n\n\1", "\n".join(lines), flags=re.MULTILINE)


def sentences(text: str) -> Iterator[str]:
    """The sentences of prose. What stands in backticks is one word; so is an abbreviation with points in it."""
    one_word = re.sub(r"`[^`]*`", "code", text)
    for paragraph in re.split(r"\n\s*\n", one_word):
        for sentence in re.split(r"[.!?:;](?=[\s*\")]|$)|…|→", " ".join(paragraph.split())):
            if sentence.strip():
                yield sentence.strip()

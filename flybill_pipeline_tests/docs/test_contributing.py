"""CONTRIBUTING.md names the places where a change goes: each place is there, and what exists is said in these places.

An item of a list names files that are alternatives. "if …" marks a place that not every change of the kind touches.
"""

import ast
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

import pytest

from flybill_pipeline.billing.pricing.models import MODELS
from flybill_pipeline.billing.usage.meters import Aggregation
from flybill_pipeline.billing.words.languages import LANGUAGES
from flybill_pipeline.cli.commands import flybill
from flybill_pipeline.defs.checks import CHECKS
from flybill_pipeline.settings import Settings
from flybill_pipeline.stores.invoicing.organizations import Organization
from flybill_pipeline.stores.postgres.tables import metadata
from flybill_pipeline.stripe_gateway import failure_table
from flybill_pipeline.stripe_gateway.failure_rule import Rule
from flybill_pipeline_tests.conftest import PROJECT
from flybill_pipeline_tests.docs.pages import text_of
from flybill_pipeline_tests.languages.texts import texts

PAGE = text_of("CONTRIBUTING.md")
PACKAGE = [file for file in (PROJECT / "flybill_pipeline").rglob("*.py") if "stripe_emulator" not in file.parts]
RULES = [
    rule
    for table in vars(failure_table).values()
    if isinstance(table, tuple)
    for rule in table
    if isinstance(rule, Rule)
]


SOME_TEXTS = sorted(str(each.id) for each in texts() if isinstance(each.id, str) and each.id)[::20]
"""Enough of them: that all are in the catalogs, another test says."""


@dataclass(frozen=True)
class Place:
    """One item of a list: files of which at least one says the new thing, always or only if something holds."""

    patterns: tuple[str, ...]
    always: bool

    def files(self) -> list[Path]:
        """The files there are of it."""
        return [file for pattern in self.patterns for file in sorted(PROJECT.glob(pattern))]


def recipes() -> dict[str, list[Place]]:
    """Heading → its places."""
    part = PAGE[PAGE.index("## Where a change goes") : PAGE.index("## How we write")]
    return {section.splitlines()[0]: [*_places(section)] for section in part.split("\n### ")[1:]}


def _places(section: str) -> Iterator[Place]:
    for item in re.findall(r"^- (.*(?:\n  .*)*)", section, re.MULTILINE):
        paths = re.findall(r"`([\w./]+/[\w.-]+|\w+\.md)`", item)
        yield Place(
            tuple(re.sub(r"(?<!\w)[A-Z]{4,}(?=\.py|\.po|\.html|/)", "*", path) for path in paths),
            always=not item.startswith("if "),
        )


RECIPES = recipes()


@cache
def told_in(file: Path) -> str:
    """What a file says: of a Python file each whole text and each name, on lines of their own."""
    if file.suffix != ".py":
        return file.read_text()
    return "\n".join(told for node in ast.walk(ast.parse(file.read_text())) for told in _told(node))


def _told(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.Attribute() | ast.Name():
            yield ast.unparse(node)
        case ast.FunctionDef(name=name):
            yield name


def says(file: Path, spellings: Collection[str]) -> bool:
    """Whether the file says one of the spellings: a module as a whole text or name; SQL, tests and pages as a word."""
    told = told_in(file)
    if file in PACKAGE and "migrations" not in file.parts:
        return not set(spellings).isdisjoint(told.splitlines())
    return any(re.search(rf"(?<![\w-]){re.escape(each)}(?![\w-])", told) for each in spellings)


@dataclass(frozen=True)
class Kind:
    """What a list is about: each thing that exists, with its spellings.

    `only_there`: a spelling that no other module has.
    """

    existing: Mapping[str, Collection[str]]
    only_there: Callable[[str], str] | None = None


KINDS = {
    "A new price model": Kind({name: (name, name.upper()) for name in MODELS}, only_there=str),
    "A new check": Kind({check.name: (check.name,) for check in CHECKS}, only_there=str),
    "A new command": Kind(
        {name: (name, name.replace("-", "_"), f"flybill {name}", f"make {name}") for name in flybill.commands}
    ),
    "A new failure of Stripe": Kind({rule.name: (rule.name,) for rule in RULES}),
    "A new column of an organization": Kind({field.name: (field.name,) for field in fields(Organization)}),
    "A new aggregation of a meter": Kind(
        {each.name: (f"Aggregation.{each.name}", each.value) for each in Aggregation},
        only_there=lambda name: f"Aggregation.{name}",
    ),
    "A new text that a customer reads": Kind({text: (text,) for text in SOME_TEXTS}),
    "A new language": Kind({code: (code,) for code in LANGUAGES if code != "en"}),
    "A new table": Kind({table.name: (table.name,) for table in metadata.tables.values()}),
    "A new variable": Kind({name: (name, name.upper(), f"FLYBILL_{name.upper()}") for name in Settings.model_fields}),
}
CASES = [(heading, name) for heading, kind in KINDS.items() for name in kind.existing]


def test_every_list_is_compared_with_what_exists() -> None:
    assert list(RECIPES) == list(KINDS)
    assert all(kind.existing for kind in KINDS.values())
    assert all(len([place for place in places if place.always]) >= 1 for places in RECIPES.values())


@pytest.mark.parametrize("heading", RECIPES)
def test_every_place_is_there(heading: str) -> None:
    places = RECIPES[heading]
    assert [pattern for place in places for pattern in place.patterns if not any(PROJECT.glob(pattern))] == []
    assert all(place.patterns for place in places), "an item names no file"


@pytest.mark.parametrize(("heading", "name"), CASES)
def test_what_exists_is_said_in_every_place_of_its_list(heading: str, name: str) -> None:
    spellings = KINDS[heading].existing[name]
    silent = [p.patterns for p in RECIPES[heading] if p.always and not any(says(file, spellings) for file in p.files())]
    assert silent == []


@pytest.mark.parametrize(("heading", "name"), [case for case in CASES if KINDS[case[0]].only_there is not None])
def test_and_no_other_module_says_it(heading: str, name: str) -> None:
    spelling, listed = KINDS[heading].only_there, {file for place in RECIPES[heading] for file in place.files()}
    assert spelling is not None
    assert [str(file) for file in PACKAGE if file not in listed and says(file, [spelling(name)])] == []


def test_every_folder_has_its_tests() -> None:
    table = re.findall(r"^\| (`.*?|pages.*?) \| (.*?) \| (\d+|slow) \|$", PAGE, re.MULTILINE)
    changed = {name for cells in table for name in re.findall(r"`([\w.]+)`", cells[0])}
    run = {name for cells in table for name in re.findall(r"`([\w./]+)`", cells[1])}
    parts = {part.name for part in (PROJECT / "flybill_pipeline").iterdir() if not part.name.startswith("__")}
    assert changed == parts
    assert [name for name in run if not (PROJECT / "flybill_pipeline_tests" / name).exists()] == []

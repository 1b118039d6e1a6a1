"""docs/organizations-and-items.md: each example is a file that is taken, and each key of an item is told."""

import re
from pathlib import Path

import pytest

from flybill_pipeline.billing.invoicing.items.credits import DEFAULT_PRIORITY
from flybill_pipeline.stores.invoicing.items_file import KINDS, read_items
from flybill_pipeline.stores.invoicing.organizations_file import read_organizations
from flybill_pipeline_tests.docs.pages import text_of

PAGE = text_of("docs/organizations-and-items.md")
READERS = {"orgs": read_organizations, "items": read_items}


@pytest.mark.parametrize(("kind", "text"), re.findall(r"^```(orgs|items)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
def test_an_example_is_taken_as_it_stands(kind: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "example.csv").write_text(text)
    assert len(READERS[kind](tmp_path / "example.csv")) == len(text.splitlines()) - 1  # type: ignore[operator]


def test_every_key_of_an_item_is_explained_with_its_default() -> None:
    explained = PAGE[PAGE.index("| column | meaning | default |") :]
    keys = {key for must, may in KINDS.values() for key in (*must, *may)}
    assert {key for key in keys if f"`{key}`" not in explained} == {"scope", "thresholds"}  # docs/budgets.md has them
    assert f"0 before 100 | {DEFAULT_PRIORITY} |" in explained

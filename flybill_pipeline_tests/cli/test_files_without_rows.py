"""A file without anything in it is told: it is refused where it is not even a table, and named where it has no row."""

import json
from collections.abc import Iterator

import pytest

from flybill_pipeline_tests.stories.troubled_months import USD
from flybill_pipeline_tests.worlds.deployment import Deployments, Flybill

HEADERS = {
    "import-orgs": "org_id,name,currency",
    "import-items": "item_id,kind,org_id,name",
    "import-aliases": "source,alias,org_id",
}


@pytest.fixture(scope="module")
def flybill(deploy: Deployments) -> Iterator[Flybill]:
    with deploy() as made:
        made.prices("usd.toml", USD)
        yield made


@pytest.mark.parametrize("command", HEADERS)
@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff", "of,something,else\n"])
def test_a_file_without_the_columns_is_refused(flybill: Flybill, command: str, content: str) -> None:
    file = flybill.home / "empty.csv"
    file.write_text(content)
    ran = flybill(command, str(file))
    assert (ran.status, ran.out) == (2, "")
    assert f"the header must have {HEADERS[command].replace(',', ', ')}" in ran.err


@pytest.mark.parametrize("command", HEADERS)
def test_a_file_with_columns_alone_says_that_nothing_is_there(flybill: Flybill, command: str) -> None:
    file = flybill.home / "header.csv"
    file.write_text(HEADERS[command] + "\n")
    told = f"warning: {file}: there is no row in it, so nothing was stored\n"
    ran = flybill(command, str(file))
    assert (ran.status, ran.out.endswith(told), ran.err) == (0, True, ""), ran
    assert told[len("warning: ") : -1] in json.loads(flybill(command, str(file), "--json").out)["warnings"]


def test_so_is_an_empty_list_of_items(flybill: Flybill) -> None:
    file = flybill.home / "items.json"
    file.write_text("[]")
    ran = flybill("import-items", str(file))
    assert (ran.status, "there is no row in it" in ran.out) == (0, True), ran

"""docs/price-books.md: every key that a book may have is told, and each example costs what the page says."""

import re
import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from flybill_pipeline.billing.pricing.models import MODELS
from flybill_pipeline.billing.usage.meters import Aggregation
from flybill_pipeline.cli.render.quoted import quote_data
from flybill_pipeline.questions.quoted import QuoteRequest, quoted
from flybill_pipeline.stores.pricing import book_reader
from flybill_pipeline_tests.docs.pages import text_of

PAGE = text_of("docs/price-books.md")
EXAMPLES = re.findall(r"^```toml\n(.*?)^```\n```quotes\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
TABLES = {
    "key of a book": book_reader._BOOK,
    "key of a meter": book_reader._METER,
    "key of every price": book_reader._EVERY_PRICE,
    "key of a contract": book_reader._CONTRACT,
    "aggregation": tuple(Aggregation),
}


def whole(example: str) -> str:
    """The example as a book: what it leaves out is as in the first one."""
    head = "" if "effective_from" in example else 'effective_from = 2026-01-01\ncurrency = "usd"\n'
    read = tomllib.loads(head + example)
    missing = {price["meter"] for price in read["prices"]} - set(read.get("meters", ()))
    return head + example + "".join(f'[meters.{name}]\naggregation = "sum"\nunit = "unit"\n' for name in missing)


@pytest.mark.parametrize(("example", "quotes"), EXAMPLES)
def test_an_example_costs_what_the_page_says(example: str, quotes: str, tmp_path: Path) -> None:
    (tmp_path / "usd.toml").write_text(whole(example))
    for line in quotes.splitlines():
        asked, _, amount = line.rpartition(" = ")
        meter, quantity, *more = asked.split()
        pairs = dict(pair.split("=") for pair in more)
        contract = pairs.pop("contract", None)
        request = QuoteRequest(meter, Decimal(quantity), pairs, contract, None)
        data = quote_data(quoted(tmp_path, request, date(2026, 10, 1)))
        assert f"${data['amount_minor'] / 100:.2f}" == amount, line


@pytest.mark.parametrize("title", TABLES)
def test_every_key_is_told_and_no_other(title: str) -> None:
    rows = PAGE[PAGE.index(f"| {title} |") :].split("\n\n")[0].splitlines()[2:]
    told = {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert told == {str(name) for name in TABLES[title]}


def test_every_model_has_its_part_with_each_key_that_it_takes() -> None:
    for name, model in MODELS.items():
        part = PAGE[PAGE.index(f"### `{name}`") :].split("\n##")[0]
        assert [field.name for field in model.fields if field.name not in part and field.kind != "tiers"] == []
    assert set(re.findall(r"^### `(\w+)`", PAGE, re.MULTILINE)) == set(MODELS)
    assert [key for key in book_reader._TIER if f"`{key}`" not in PAGE] == []

"""What an operator sees beside a month: pictures that are pictures and stay small, and who moved most."""

import base64
import io

import pytest
from PIL import Image
from sqlalchemy import Engine, text

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.defs.metadata.pictures import bars
from flybill_pipeline.defs.metadata.stripe import month_pictures
from flybill_pipeline.stores.invoicing.month_figures import MonthFigures

MONTH = Month.parse("2026-10")
DRAFT = """
insert into flybill.drafts
    (month, org_id, shard, currency, total_minor, carried_minor, line_count, content_hash, priced_at)
values (:month, :org, :shard, :currency, :total, 0, 0, '', now())
"""


def picture(markdown: object) -> bytes:
    return base64.b64decode(str(markdown).split("base64,")[1].removesuffix(")"))


def test_a_month_has_a_picture_for_each_currency_and_one_of_outcomes() -> None:
    found = month_pictures({"usd": {"bandwidth": 1200, "credit": -300}, "eur": {"builds": 5}}, {"carried_forward": 3})
    assert list(found) == ["eur: revenue by meter", "usd: revenue by meter", "outcomes"]
    for drawn in found.values():
        with Image.open(io.BytesIO(picture(drawn.value))) as image:
            assert image.format == "PNG"
            assert image.width > 300


def test_however_many_meters_there_are_a_picture_stays_small() -> None:
    many = bars("usd: revenue by meter", {f"a_meter_with_a_long_name_{n}": 10**9 + n for n in range(1000)})
    assert len(picture(many.value)) < 50_000


@pytest.fixture
def figures(engine: Engine) -> MonthFigures:
    drafts = [
        ("2026-09", "grew", 0, "usd", 100),
        ("2026-10", "grew", 0, "usd", 900),
        ("2026-09", "fell", 0, "usd", 5000),
        ("2026-10", "fell", 0, "usd", 200),
        ("2026-10", "new", 0, "usd", 300),
        ("2026-09", "same", 0, "usd", 7),
        ("2026-10", "same", 0, "usd", 7),
        ("2026-10", "elsewhere", 1, "usd", 10**6),
    ]
    names = ("month", "org", "shard", "currency", "total")
    with engine.begin() as connection:
        connection.execute(text(DRAFT), [dict(zip(names, draft, strict=True)) for draft in drafts])
    return MonthFigures(engine)


def test_who_moved_most_since_the_month_before(figures: MonthFigures) -> None:
    moved = [(each["org_id"], each["before"], each["now"]) for each in figures.movers(MONTH, 0)]
    assert moved == [("fell", 5000, 200), ("grew", 100, 900), ("new", 0, 300)]
    assert len(figures.movers(MONTH, 0, most=1)) == 1


def test_what_a_shard_came_to_month_by_month(figures: MonthFigures) -> None:
    assert figures.revenue(0, MONTH, 6) == {"usd": {MONTH.previous(): 5107, MONTH: 1407}}
    assert figures.revenue(0, MONTH, 0) == {"usd": {MONTH: 1407}}

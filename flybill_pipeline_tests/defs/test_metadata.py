"""What an operator sees beside a month: tables that stay small, and who moved most."""

import dagster as dg
import pytest
from sqlalchemy import Engine, text

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.defs.metadata.month import month_tables
from flybill_pipeline.defs.metadata.tables import bars
from flybill_pipeline.stores.invoicing.month_figures import MonthFigures

MONTH = Month.parse("2026-10")
DRAFT = """
insert into flybill.drafts
    (month, org_id, shard, currency, total_minor, carried_minor, line_count, content_hash, priced_at)
values (:month, :org, :shard, :currency, :total, 0, 0, '', now())
"""


def rows(table: object) -> list[dict[str, object]]:
    assert isinstance(table, dg.TableMetadataValue)
    return [dict(record.data) for record in table.records]


def test_a_month_has_a_table_for_each_currency_and_one_of_outcomes() -> None:
    tables = month_tables({"usd": {"bandwidth": 1200, "credit": -300}, "eur": {"builds": 5}}, {"carried_forward": 3})
    assert {title: rows(table) for title, table in tables.items()} == {
        "eur: revenue by meter": [{"name": "builds", "value": "€0.05", "bar": "█" * 20}],
        "usd: revenue by meter": [
            {"name": "bandwidth", "value": "$12.00", "bar": "█" * 20},
            {"name": "credit", "value": "-$3.00", "bar": "█" * 5},
        ],
        "outcomes": [{"name": "carried forward", "value": "3", "bar": "█" * 20}],
    }


def test_however_many_meters_there_are_a_table_stays_small_and_loses_no_value() -> None:
    (table,) = bars("revenue", {f"meter {n}": 10**9 + n for n in range(1000)}).values()
    values = {str(row["name"]): int(str(row["value"])) for row in rows(table)}
    assert len(values) == 13
    assert values["988 others"] == sum(10**9 + n for n in range(988))


def test_a_month_without_money_has_bars_of_no_length() -> None:
    (table,) = bars("revenue", {"free": 0}).values()
    assert rows(table) == [{"name": "free", "value": "0", "bar": ""}]
    assert bars("revenue", {}) == {}


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

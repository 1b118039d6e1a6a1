"""Rows by the block: what COPY writes is what was handed in, also where one block is not enough."""

from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import Engine, text

from flybill_pipeline.stores.bulk import ROWS_PER_BLOCK, copy_rows
from flybill_pipeline.stores.tables import drafts

COLUMNS = (
    "month",
    "org_id",
    "shard",
    "currency",
    "total_minor",
    "carried_minor",
    "line_count",
    "content_hash",
    "problems",
    "priced_at",
)
NOW = datetime(2026, 11, 3, 6, 0, 0, 123456, tzinfo=UTC)


def row(org: str, number: int = 0) -> tuple[object, ...]:
    return ("2026-10", org, 1, None, number, 0, 0, "x", [{"code": 'a "quoted", one'}], NOW)


def test_more_rows_than_a_block_holds(engine: Engine) -> None:
    count = 2 * ROWS_PER_BLOCK + 7
    with engine.begin() as connection:
        assert copy_rows(connection, drafts, COLUMNS, (row(f"org{n}", n) for n in range(count))) == count
    with engine.connect() as connection:
        found = connection.execute(text("select count(*), sum(total_minor) from flybill.drafts")).one()
    assert tuple(found) == (count, Decimal(count * (count - 1) // 2))


def test_exactly_one_block(engine: Engine) -> None:
    with engine.begin() as connection:
        assert copy_rows(connection, drafts, COLUMNS, (row(f"org{n}") for n in range(ROWS_PER_BLOCK))) == ROWS_PER_BLOCK


def test_every_kind_of_value_arrives_as_it_was(engine: Engine) -> None:
    awkward = 'a,"b"\n\\c\ttab é'
    with engine.begin() as connection:
        copy_rows(connection, drafts, COLUMNS, [row(awkward, -5)])
    with engine.connect() as connection:
        found = connection.execute(text("select * from flybill.drafts")).one()
    assert (found.org_id, found.currency, found.total_minor, found.priced_at) == (awkward, None, -5, NOW)
    assert found.problems == [{"code": 'a "quoted", one'}]

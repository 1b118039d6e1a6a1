"""Rows by the block: what COPY writes is what was handed in, also where one block is not enough."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import Engine, select, text

from flybill_pipeline.stores.invoicing.tables import drafts
from flybill_pipeline.stores.postgres.bulk import ROWS_PER_BLOCK, copy_rows, given_rows

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
AWKWARD = ["", " ", "\\N", "\\.", "\\", "\t", "\n", "\r", "\b\x01\x1f", '"', "'", ",", "{}", "é 日本 🙂", "NULL"]
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


def test_what_making_a_row_raises_comes_out_and_nothing_is_stored(engine: Engine) -> None:
    def rows() -> Iterator[tuple[object, ...]]:
        for n in range(2 * ROWS_PER_BLOCK):
            yield row(f"org{n}")
        raise ZeroDivisionError("no price")

    with pytest.raises(ZeroDivisionError, match="no price"), engine.begin() as connection:
        copy_rows(connection, drafts, COLUMNS, rows())
    with engine.connect() as connection:
        assert connection.execute(text("select count(*) from flybill.drafts")).scalar() == 0


def test_texts_arrive_as_they_were_alone_and_in_json(engine: Engine) -> None:
    texts = [*AWKWARD, "".join(AWKWARD)]
    with engine.begin() as connection:
        copy_rows(
            connection, drafts, COLUMNS, [(*row(each, n)[:-2], [{each: each}], NOW) for n, each in enumerate(texts)]
        )
        query = select(drafts.c.org_id, drafts.c.problems, drafts.c.currency).order_by(drafts.c.total_minor)
        assert [tuple(found) for found in connection.execute(query)] == [(each, [{each: each}], None) for each in texts]
        given = given_rows(drafts, [{"org_id": each, "currency": None, "total_minor": 2**53 + 1} for each in texts])
        assert [tuple(found) for found in connection.execute(select(given))] == [(e, None, 2**53 + 1) for e in texts]


def test_a_text_beside_nothing_arrives_as_it_was(engine: Engine) -> None:
    """Nothing is written with a backslash, too, and must not hide that of a text."""
    with engine.begin() as connection:
        copy_rows(connection, drafts, COLUMNS, [(*row(each)[:-2], [], NOW) for each in AWKWARD])
        found = connection.execute(select(drafts.c.org_id, drafts.c.currency)).all()
    assert sorted(map(tuple, found)) == sorted((each, None) for each in AWKWARD)


def test_every_kind_of_value_arrives_as_it_was(engine: Engine) -> None:
    awkward = 'a,"b"\n\\c\ttab é'
    with engine.begin() as connection:
        copy_rows(connection, drafts, COLUMNS, [row(awkward, -5)])
    with engine.connect() as connection:
        found = connection.execute(text("select * from flybill.drafts")).one()
    assert (found.org_id, found.currency, found.total_minor, found.priced_at) == (awkward, None, -5, NOW)
    assert found.problems == [{"code": 'a "quoted", one'}]

"""Of rows with one id the first to arrive stands; a repeat says the same as it, a conflict says anything else."""

from datetime import date, datetime
from random import Random
from typing import Any

import duckdb
import pytest

from flybill_pipeline.stores.usage.lake import repeats

Row = tuple[Any, ...]
COLUMNS = """source varchar, event_id varchar, arrival bigint, row bigint, org_id varchar, meter varchar,
    dimensions varchar, quantity decimal(38, 18), occurred_at timestamp, arrived_on date"""

AT, LATER = map(datetime.fromisoformat, ("2026-10-05", "2026-10-05T01:00:00"))


def found(rows: list[Row]) -> list[Row]:
    with duckdb.cursor() as connection:
        connection.execute(f"create temp table told ({COLUMNS})")
        connection.executemany(f"insert into told values ({', '.join('?' * 10)})", rows)
        repeats.find_excluded(connection, "told", (), {})
        return connection.execute("from excluded order by all").fetchall()


def row(arrival: int, place: int, event_id: str, **said: Any) -> Row:
    usual = {"source": "s", "org_id": "o", "meter": "m", "dimensions": "{}", "quantity": 1, "at": AT}
    source, *content = (usual | said).values()
    return (source, event_id, arrival, place, *content, date(2026, 10, 6))


def expected(rows: list[Row]) -> list[Row]:
    """The rule by hand, in Python."""
    first: dict[Row, Row] = {}
    told = []
    for each in sorted(rows, key=lambda row: (row[2], row[3])):
        standing = first.setdefault(each[:2], each)
        if standing is not each:
            told.append((*each, "duplicate" if each[4:9] == standing[4:9] else "conflict"))
    return sorted(told)


@pytest.mark.parametrize("hashed", ["hash(source, event_id)", "hash(source, event_id) % 3", "hash(1)"])
@pytest.mark.parametrize("seed", range(3))
def test_each_row_is_beside_the_first_of_its_id(hashed: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where ids that differ have the same hash."""
    monkeypatch.setattr(repeats, "_HASH", f"({hashed})")
    random, rows = Random(seed), list[Row]()
    for arrival in (1, 2, 3_000_000_000):
        for place in range(1, 30):
            odd: dict[str, Any] = random.choice(
                [{}, {}, {"org_id": "p"}, {"meter": "n"}, {"dimensions": '{"a":"b"}'}, {"quantity": 2}]
            )
            odd |= random.choice([{}, {}, {"source": "r"}, {"at": LATER}])
            rows.append(row(arrival, place * 2**33, f"e{random.randrange(40)}", **odd))
    random.shuffle(rows)
    told = expected(rows)
    assert {"duplicate", "conflict"} == {each[-1] for each in told}
    assert found(rows) == told


def test_of_two_rows_in_one_place_one_counts() -> None:
    """As of a measure whose meter is named like another one's second."""
    rows = [row(1, 1, "e#m#2"), row(1, 1, "e#m#2"), row(1, 2, "f"), row(2, 1, "f")]
    assert [each[1:4] + each[-1:] for each in found(rows)] == [("e#m#2", 1, 1, "duplicate"), ("f", 2, 1, "duplicate")]


def test_what_stands_once_is_not_listed() -> None:
    assert found([row(1, 1, "e"), row(1, 2, "f"), row(2, 1, "e", source="r")]) == []

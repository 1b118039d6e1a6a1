"""Which rows of a table count, and what comes of each day; the same in every engine."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from flybill_pipeline_tests.stores.usage.engines.conftest import NOW, SOURCE, Engine, engine_with, in_duckdb


def utc(text: str) -> datetime:
    """A moment as engines tell it in UTC: without saying so."""
    return datetime.fromisoformat(text)


def quantity(text: str) -> str:
    return f"{Decimal(text):.18f}"


NOON, NIGHT = utc("2026-10-05T12:00:00"), utc("2026-10-06T01:00:00")


def test_an_id_counts_once_and_the_first_to_come_stands(warehouse: Engine) -> None:
    warehouse.add(
        ("1", "acme", "gb", "1.000000000000000001", "2026-10-05T10:00:00Z", NOON, "fra"),
        ("2", "acme", "gb", "-0.5", "2026-10-05T23:59:59.999999Z", NOON, "fra"),
        ("3", "acme", "gb", "4", "2026-10-05T11:00:00+02:00", NOON, None),
        ("1", "acme", "gb", "8", "2026-10-06T00:00:00Z", NIGHT, "fra"),  # on another day, and later
        ("4", "acme", "gb", "16", "2026-10-06T00:00:00Z", NIGHT, "fra"),
        ("4", "acme", "gb", "16", "2026-10-06T00:00:00Z", NIGHT, "fra"),
    )
    told, pulled = warehouse.told()
    assert told == [
        (
            "2026-10-05",
            [
                ("acme", "gb", quantity("0.500000000000000001"), utc("2026-10-05T23:59:59.999999"), "fra", 2),
                ("acme", "gb", quantity("4"), utc("2026-10-05T09:00:00"), None, 1),
            ],
        ),
        ("2026-10-06", [("acme", "gb", quantity("16"), utc("2026-10-06T00:00:00"), "fra", 1)]),
    ]
    assert [(day.rows, day.repeats) for day in pulled.days] == [(3, 0), (1, 2)]
    assert pulled.watermark == "2026-10-06T01:00:00+00:00"

    told, pulled = warehouse.told(source=SOURCE + 'on_conflict = "last"\n')
    assert [(day, [row[2] for row in rows]) for day, rows in told] == [
        ("2026-10-05", [quantity("-0.5"), quantity("4")]),
        ("2026-10-06", [quantity("24")]),
    ]


def test_bad_rows_are_told_and_stand_for_no_good_one(warehouse: Engine) -> None:
    at = "2026-10-05T10:00:00Z"
    warehouse.add(
        ("1", "acme", "gb", None, at, NOON, None),
        ("1", "acme", "gb", "2", at, NIGHT, None),
        (None, "acme", "gb", "1", at, NOON, None),
        ("", "acme", "gb", "1", at, NOON, None),
        ("2", None, "gb", "1", at, NOON, None),
        ("3", "acme", None, "1", at, NOON, None),
        ("4", "acme", "gb", "0.00000000000000000001", at, NOON, None),
        ("5", "acme", "gb", "-1000000000000000", at, NOON, None),
        ("6", "acme", "gb", "1", None, NOON, None),
        ("7", "acme", "gb", "1", warehouse.never[0], NOON, None),
        ("8", "acme", "gb", "1", warehouse.never[1], None, None),
    )
    told, pulled = warehouse.told()
    day, noon = quantity("1"), utc("2026-10-05T10:00:00")
    assert set(dict(told)["2026-10-05"]) == {
        ("acme", "gb", "0.0000000000000000001", noon, None, 1),  # as too precise as what stood there
        ("acme", "gb", quantity("2"), noon, None, 2),  # without an id
        ("acme", "gb", "1e15", noon, None, 1),
        ("acme", "gb", quantity("2"), noon, None, 1),  # the good one
        ("acme", "gb", None, noon, None, 1),
        ("acme", None, day, noon, None, 1),
        (None, "gb", day, noon, None, 1),
    }
    assert set(dict(told)["1970-01-01"]) == {
        ("acme", "gb", quantity("2"), utc("1970-01-01T00:00:00"), None, 2),
        ("acme", "gb", day, None, None, 1),
    }
    assert sum(each.rows for each in pulled.days) == 11


def test_only_days_with_new_rows_come_and_those_that_such_a_row_changes(warehouse: Engine) -> None:
    warehouse.add(
        ("1", "acme", "gb", "1", "2026-10-01T10:00:00Z", utc("2026-10-01T11:00:00"), None),
        ("2", "acme", "gb", "2", "2026-10-02T10:00:00Z", utc("2026-10-02T11:00:00"), None),
        ("3", "acme", "gb", "4", "2026-10-03T10:00:00Z", utc("2026-10-03T11:00:00"), None),
    )
    _, first = warehouse.told()
    assert [str(day) for day, _ in warehouse.told(first.watermark)[0]] == ["2026-10-03"]

    warehouse.add(
        ("9", "acme", "gb", "8", "2026-10-01T12:00:00Z", utc("2026-10-04T11:00:00"), None),  # a late row
        ("2", "acme", "gb", "16", "2026-10-04T10:00:00Z", utc("2026-10-04T11:00:00"), None),  # an id of another day
    )
    last = SOURCE + 'on_conflict = "last"\nlag = 0\n'
    told, pulled = warehouse.told(first.watermark, last)
    assert [(day, [row[2] for row in rows]) for day, rows in told] == [
        ("2026-10-01", [quantity("9")]),
        ("2026-10-02", []),
        ("2026-10-03", [quantity("4")]),  # of the watermark itself: a row with the same one may have come since
        ("2026-10-04", [quantity("16")]),
    ]
    assert warehouse.told(pulled.watermark, SOURCE)[1].watermark == pulled.watermark


def test_totals_of_texts_that_look_like_what_stands_between_parts_are_not_taken_for_one(local: Engine) -> None:
    at = "2026-10-05T10:00:00Z"
    local.add(
        ("1", "acme", "gb", "1", at, NOON, None),
        ("2", "acme", "gb", "2", at, NOON, "\x1e"),
        ("3", "acme", "gb", "3", at, NOON, "\x1e0"),
        ("4", "acme", "gb", "4", at, NOON, ""),
        ("5", "acme\x1fgb", "x", "5", at, NOON, None),
        ("6", "acme", "gb\x1fx", "6", at, NOON, None),
        ("7", "acme\x1e1gb", "x", "7", at, NOON, None),
    )
    with local.table().pulled(None, NOW) as pulled:
        (day,) = pulled.days
        asked = "select count(distinct event_id), max(event_id) filter (quantity::int = 1) from read_parquet(?)"
        ids, first = duckdb.execute(asked, [day.location]).fetchall()[0]
    assert ids == day.totals == 7
    assert first == "8c29a893f397733da7399df55f2a4e44"  # as it always was, or what was landed counts a second time


def test_what_the_future_wrote_hides_nothing(local: Engine) -> None:
    local.add(
        ("1", "acme", "gb", "1", "2026-10-01T10:00:00Z", utc("2099-01-01T00:00:00"), None),
        ("2", "acme", "gb", "1", "2026-10-02T10:00:00Z", None, None),
    )
    told, pulled = local.told()
    assert pulled.watermark == "2026-10-20T12:00:00+00:00"
    assert local.told(pulled.watermark)[0] == told


NO_NUMBERS = ["NaN", "Infinity", "-Infinity"]


@pytest.mark.parametrize(
    ("engine", "kind", "odd"),
    [
        ("duckdb", "double", NO_NUMBERS),
        ("clickhouse", "double", NO_NUMBERS),
        ("spark", "double", NO_NUMBERS),
        *(
            pytest.param("postgres", kind, odd, marks=pytest.mark.database)
            for kind, odd in {
                "numeric(20, 6)": ["NaN"],  # it has no infinity, and no room for 1e15
                "numeric(38, 18)": ["NaN"],
                "numeric": NO_NUMBERS,
                "double precision": NO_NUMBERS,
            }.items()
        ),
    ],
)
def test_what_is_no_number_is_told_as_that_and_spoils_no_sum(
    engine: str, kind: str, odd: list[str], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with engine_with(kind, engine, tmp_path, request) as table:
        at = "2026-10-05T10:00:00Z"
        table.add(*((str(n), "acme", "gb", each, at, NOON, None) for n, each in enumerate(["1.5", *odd, "2"])))
        source = SOURCE.replace('quantity = "quantity"', 'quantity = { column = "quantity", round = 6 }')
        for mapping in (source,) if "double" in kind else (source, SOURCE):
            ((_, rows),), _ = table.told(source=mapping)
            assert sorted((row[2], row[-1]) for row in rows) == [(quantity("3.5"), 2), ("NaN", len(odd))]


def test_texts_are_compared_sign_by_sign_whatever_their_columns_say_of_capitals(local: Engine) -> None:
    """Such as by `nocase` here, or by a collation of ICU in Postgres: else acme would be billed for ACME."""
    for name in ("id", "org", "region"):
        local.run(f"alter table usage alter {name} type text collate nocase")
    at = "2026-10-05T10:00:00Z"
    local.add(
        ("a", "acme", "gb", "1", at, NOON, "fra"),
        ("A", "ACME", "gb", "2", at, NIGHT, "fra"),
        ("b", "acme", "gb", "4", at, NOON, "FRA"),
    )
    ((_, rows),), _ = local.told()
    assert [(org, region, number) for org, _, number, _, region, _ in rows] == [
        ("ACME", "fra", quantity("2")),
        ("acme", "fra", quantity("1")),
        ("acme", "FRA", quantity("4")),
    ]


def test_a_day_is_that_of_utc_whatever_zone_the_column_has(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """What is written with Berlin's clock on the first of a month may be of the last."""
    with engine_with("decimal(20, 6)", "clickhouse", tmp_path, request) as table:
        table.add(("1", "acme", "gb", "1", "2026-09-30T22:30:00Z", NOON, None))
        zoned = "select * replace(toTimeZone(happened, 'Europe/Berlin') as happened) from usage"
        told, _ = table.told(source=SOURCE.replace('table = "usage"', f'query = """{zoned}"""'))
        assert [(day, row[3]) for day, rows in told for row in rows] == [("2026-09-30", utc("2026-09-30T22:30:00"))]


@pytest.mark.parametrize(
    ("name", "kind", "at"),
    [
        ("happened", "timestamp_ns", "2026-09-30 23:59:59.999999999"),
        ("seen", "timestamp_ns", "2026-09-30 23:59:59.999999999"),
        ("happened", "date", "2026-09-30"),
        ("seen", "date", "2026-09-30"),
    ],
)
def test_a_time_finer_than_ours_stays_on_its_day_and_a_day_is_a_time(
    name: str, kind: str, at: str, local: Engine
) -> None:
    local.run(f"alter table usage alter {name} type {kind}")
    times = {"happened": "2026-09-30 12:00:00", "seen": "2026-09-30 12:00:00", name: at}
    local.add(("1", "acme", "gb", "1", times["happened"], times["seen"], None))
    ((day, ((*_, told, _, _),)),), pulled = local.told()
    wanted = {each: utc(time[:26]) for each, time in times.items()}
    assert (day, told) == ("2026-09-30", wanted["happened"])
    assert pulled.watermark == f"{wanted['seen'].isoformat()}+00:00"
    (event,) = local.table().events("acme", "gb", (date(2026, 9, 1), date(2026, 9, 30)))
    assert event.occurred_at.isoformat() == f"{wanted['happened'].isoformat()}+00:00"
    counted = local.table().counted(pulled.watermark, NOW)
    assert (list(counted.days), counted.watermark) == ([date(2026, 9, 30)], pulled.watermark)


def test_a_row_of_several_meters_tells_of_those_that_it_has(local: Engine) -> None:
    source = SOURCE.replace('meter = "meter", quantity = "quantity", ', "") + (
        '[[sources.measures]]\nmeter = "gb"\nquantity = "quantity"\n'
        '[[sources.measures]]\nmeter = "calls"\nquantity = { constant = 1 }\n'
    )
    local.add(
        ("1", "acme", "x", "2.5", "2026-10-05T10:00:00Z", NOON, None),
        ("1", "acme", "x", "9", "2026-10-05T11:00:00Z", NIGHT, None),
        ("2", "acme", "x", None, "2026-10-05T10:00:00Z", NOON, None),
    )
    ((_, rows),), _ = local.told(source=source)
    assert [row[1:3] for row in rows] == [("calls", quantity("2")), ("gb", quantity("2.5"))]


@pytest.mark.parametrize("kind", ["smallint", "utinyint", "usmallint", "uinteger", "ubigint", "bigint"])
def test_a_number_as_a_watermark_may_be_smaller_than_the_lag(kind: str, tmp_path: Path) -> None:
    engine = in_duckdb(tmp_path, "", "bigint")
    engine.run(f"alter table usage alter seen type {kind} using 0")
    engine.add(("1", "acme", "gb", 1, "2026-10-05T10:00:00Z", 5, None))
    for lag in ("", "lag = 99999999999\n"):
        _, first = engine.told(source=SOURCE + lag)
        assert [str(day) for day, _ in engine.told(first.watermark, SOURCE + lag)[0]] == ["2026-10-05"]


def test_a_lag_may_reach_back_beyond_all_time(local: Engine) -> None:
    local.add(("1", "acme", "gb", "1", "2026-10-05T10:00:00Z", NOON, None))
    for lag in (99_999_999_999, 10**18):
        told, _ = local.told("2026-10-05T12:00:00+00:00", SOURCE + f"lag = {lag}\n")
        assert [day for day, _ in told] == ["2026-10-05"]

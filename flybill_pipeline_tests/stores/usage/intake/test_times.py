"""One instant is one instant, however it is written: the same microsecond (cut, never rounded) and the same UTC day."""

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from flybill_pipeline_tests.stores.usage.intake.reading import NOW, Read, plain_source, read_file, somewhere

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST_OF_SEPTEMBER = Decimal("1790812799.999999999")
EXACT = Context(prec=60)
UNITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}

instants = st.builds(
    lambda whole, fraction: whole + EXACT.divide(Decimal(fraction), Decimal(10**15)),
    st.one_of(
        st.integers(1_577_836_800, int(NOW.timestamp())),
        # The seconds around midnight, in which a rounded time moves to another day or month.
        st.integers(18_263, 20_745).flatmap(lambda day: st.integers(day * 86400 - 1, day * 86400)),
    ),
    st.one_of(
        st.integers(0, 10**15 - 1),
        st.integers(1, 15).map(lambda digits: 10**15 - 10 ** (15 - digits)),  # 0.9, 0.99, 0.999, …
        st.just(0),
    ),
)
"""Seconds since 1970, exact to 1e-15."""


def micros_of(instant: Decimal) -> int:
    return int(EXACT.multiply(instant, Decimal(10**6)))


def moment_of(instant: Decimal) -> datetime:
    return (EPOCH + timedelta(microseconds=micros_of(instant))).replace(tzinfo=None)


def scaled(instant: Decimal, power: int) -> Decimal:
    return EXACT.multiply(instant, Decimal(10**power)).normalize(EXACT)


def iso(instant: Decimal, separator: str = "T", zone: str = "Z", minutes: int = 0) -> str:
    """ISO 8601 with just the digits of the fraction that are needed, in a zone so many minutes east of UTC."""
    whole = EPOCH + timedelta(seconds=int(instant), minutes=minutes)
    fraction = format(instant % 1, "f")[1:].rstrip("0").rstrip(".")
    return f"{whole:%Y-%m-%d}{separator}{whole:%H:%M:%S}{fraction}{zone}"


def texts(instant: Decimal) -> list[str]:
    """Every way to write an instant as text."""
    numbers = [form for power in UNITS.values() for form in numerals(scaled(instant, power))]
    in_zones = [
        iso(instant, zone="+02:00", minutes=120),
        iso(instant, " ", "-0730", -450),
        iso(instant, zone="+14", minutes=840),
        iso(instant, " ", " +0545", 345),
        iso(instant, " ", " UTC"),
    ]
    return [iso(instant), iso(instant, zone=""), iso(instant, " "), iso(instant, "t", "z"), *in_zones, *numbers]


def numerals(number: Decimal) -> list[str]:
    """A number in plain digits and with exponents, as JSON allows them too."""
    plain = format(number, "f")
    digits = "".join(map(str, number.as_tuple().digits))
    exponent = int(number.as_tuple().exponent)
    moved = f"{digits[0]}.{digits[1:] or '0'}e{len(digits) - 1 + exponent}"
    return [plain, moved, moved.replace("e", "E+"), f"{digits}e{exponent}"]


def jsonl_of(times: list[str]) -> str:
    """Each time as a string, and as a number where it is one."""
    lines = []
    for place, text in enumerate(times):
        row = f'{{"id":"%s{place}","org":"o","meter":"m","q":1,"region":"r","ts":%s}}\n'
        lines.append(row % ("s", json.dumps(text)))
        if ":" not in text:
            lines.append(row % ("n", text))
    return "".join(lines)


def csv_of(times: list[str]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["id", "org", "meter", "q", "ts", "region"])
    writer.writerows([f"s{place}", "o", "m", 1, text, "r"] for place, text in enumerate(times))
    return out.getvalue()


def parquet_times(given_instants: list[Decimal]) -> list[tuple[list[int], Any, dict[str, Any]]]:
    """Columns of every type that can hold some of the instants exactly: their places, and how the file is written."""
    columns: list[tuple[list[int], Any, dict[str, Any]]] = []
    for unit, power in UNITS.items():
        whole = [(place, int(n)) for place, i in enumerate(given_instants) if (n := scaled(i, power)) % 1 == 0]
        places, values = [place for place, _ in whole], pa.array([n for _, n in whole], pa.int64())
        columns.append((places, values, {}))
        columns += [(places, values.cast(pa.timestamp(unit, zone)), {}) for zone in (None, "UTC", "Asia/Kathmandu")]
        if unit == "ns":
            columns.append((places, values.cast(pa.timestamp("ns")), {"use_deprecated_int96_timestamps": True}))
    everywhere = list(range(len(given_instants)))
    columns.append((everywhere, pa.array(given_instants, pa.decimal128(38, 15)), {}))
    columns.append((everywhere, pa.array([iso(i) for i in given_instants]), {}))
    return [column for column in columns if column[0]]


def write_parquet(file: Path, places: list[int], times: Any, options: dict[str, Any]) -> None:
    rows = len(places)
    table = pa.table(
        {
            "id": pa.array([f"p{place}" for place in places]),
            "org": pa.array(["o"] * rows),
            "meter": pa.array(["m"] * rows),
            "q": pa.array([1] * rows, pa.int64()),
            "ts": times,
            "region": pa.array(["r"] * rows),
        }
    )
    pq.write_table(table, file, **options)


def times_of(read: Read) -> dict[str, tuple[datetime, date | None]]:
    assert read.rejects == [], [(row["reason"], row["raw"]) for row in read.rejects[:3]]
    return {row["event_id"]: (row["occurred_at"], row["day"]) for row in read.events}


def expected(moments: dict[str, datetime]) -> dict[str, tuple[datetime, date]]:
    return {event_id: (moment, moment.date()) for event_id, moment in moments.items()}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(instants, min_size=1, max_size=8))
@example([LAST_OF_SEPTEMBER, Decimal("1790812799.9999999"), Decimal("1790812799.9999995"), Decimal(1789041600)])
def test_an_instant_is_the_same_microsecond_and_day_in_every_form_and_format(given_instants: list[Decimal]) -> None:
    forms = [(text, moment_of(instant)) for instant in given_instants for text in texts(instant)]
    written = [text for text, _ in forms]
    as_strings = {f"s{place}": moment for place, (_, moment) in enumerate(forms)}
    as_numbers = {f"n{place}": moment for place, (text, moment) in enumerate(forms) if ":" not in text}
    with somewhere() as folder:
        (folder / "a.jsonl").write_text(jsonl_of(written))
        read = read_file(folder / "lake", folder / "a.jsonl", plain_source("jsonl"))
        assert times_of(read) == expected(as_strings | as_numbers)
        (folder / "a.csv").write_text(csv_of(written))
        assert times_of(read_file(folder / "lake", folder / "a.csv", plain_source("csv"))) == expected(as_strings)
        for places, times, options in parquet_times(given_instants):
            write_parquet(folder / "a.parquet", places, times, options)
            read = read_file(folder / "lake", folder / "a.parquet", plain_source("parquet"))
            moments = {f"p{place}": moment_of(given_instants[place]) for place in places}
            assert times_of(read) == expected(moments), times.type


def test_usage_of_the_last_nanosecond_of_a_month_stays_in_it() -> None:
    written = ["1790812799999999999", "1790812799.9999999", "1790812799999.9999", iso(LAST_OF_SEPTEMBER)]
    with somewhere() as folder:
        (folder / "a.jsonl").write_text(jsonl_of(written))
        read = read_file(folder / "lake", folder / "a.jsonl", plain_source("jsonl"))
        assert {day for _, day in times_of(read).values()} == {date(2026, 9, 30)}


UNREADABLE = [
    "",
    "yesterday",
    "2026-09-30T23:59:59 Europe/BerlinZ",  # a zone by name is not read, and must not be ignored either
    "2026-09-30T23:59:59+02:00Z",
    "2026-09-30T23:59:60Z",
    "2026-02-30",
    "-1790812799",
    "1790812799.5.5",
    "1e",
    "e9",
    "0x6ABC",
    "1,790812799",
    "infinity",
    "-infinity",
    "epoch",
    "now",
]
WRONG_CLOCKS = ["0", "20261005", "1.5e-300", "1e18", "9" * 19, "9" * 40, "1e300", "1969-12-31T23:59:59Z", "9999-12-31"]


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_what_is_no_instant_is_refused_by_row(kind: str) -> None:
    times = UNREADABLE + WRONG_CLOCKS
    # Behind a mark with a colon no text is taken for a number of JSON.
    as_texts = jsonl_of(["#:" + text for text in times]).replace("#:", "")
    with somewhere() as folder:
        (folder / f"a.{kind}").write_text(csv_of(times) if kind == "csv" else as_texts)
        read = read_file(folder / "lake", folder / f"a.{kind}", plain_source(kind))
    reasons = {"": "time_missing" if kind == "csv" else "time_unreadable"}
    assert read.events == []
    assert [row["reason"] for row in read.rejects] == [
        *(reasons.get(text, "time_unreadable") for text in UNREADABLE),
        *(["clock"] * len(WRONG_CLOCKS)),
    ]


def test_of_two_numbers_that_a_double_cannot_tell_apart_neither_is_guessed() -> None:
    first, second = "1790812799.9999999", "1790812799.99999990001"
    line = f'{{"id":"a","org":"o","meter":"m","q":1,"x":{{"ts":{first}}},"ts":{second}}}\n'
    with somewhere() as folder:
        (folder / "a.jsonl").write_text(line)
        read = read_file(folder / "lake", folder / "a.jsonl", plain_source("jsonl"))
    assert [row["reason"] for row in read.rejects] == ["time_ambiguous"]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("zone", [None, "UTC"])
def test_times_at_the_ends_of_what_parquet_can_hold_are_refused_by_row(unit: str, zone: str | None) -> None:
    largest = 2**63 - 1 if unit in ("us", "ns") else 2**53  # Parquet has no seconds; DuckDB makes ms to µs at once
    ends = pa.array([largest, -largest, -largest - 1, None], pa.int64()).cast(pa.timestamp(unit, zone))
    with somewhere() as folder:
        write_parquet(folder / "a.parquet", [0, 1, 2, 3], ends, {})
        read = read_file(folder / "lake", folder / "a.parquet", plain_source("parquet"))
    assert read.events == []
    assert [row["row"] for row in read.rejects] == [1, 2, 3, 4]
    assert {row["reason"] for row in read.rejects} <= {"clock", "time_missing"}


def test_a_time_may_be_a_dimension_whatever_it_is() -> None:
    ends = pa.array([2**63 - 1, -(2**63), 0, None], pa.int64()).cast(pa.timestamp("us"))
    rows: dict[str, Any] = {
        "id": list("abcd"),
        "org": ["o"] * 4,
        "meter": ["m"] * 4,
        "q": [1] * 4,
        "ts": ["2026-10-05"] * 4,
    }
    nested = pa.array([[end] for end in ends.to_pylist()[2:]] * 2, pa.list_(pa.timestamp("us")))
    with somewhere() as folder:
        for region in (ends, nested):
            pq.write_table(pa.table(rows | {"region": region}), folder / "a.parquet")
            read = read_file(folder / "lake", folder / "a.parquet", plain_source("parquet"))
            assert len(read.events) == 4

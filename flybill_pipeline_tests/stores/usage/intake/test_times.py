"""One instant is one instant, however it is written: the same microsecond (cut, never rounded) and the same UTC day."""

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from flybill_pipeline.billing.usage.files import Broken
from flybill_pipeline_tests.stores.usage.intake.reading import Read, Reader, plain_source
from flybill_pipeline_tests.worlds.effort import examples

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST_OF_SEPTEMBER = Decimal("1790812799.999999999")
EXACT = Context(prec=60)
UNITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}

fractions = st.one_of(
    st.integers(0, 10**15 - 1),
    st.integers(1, 15).map(lambda digits: 10**15 - 10 ** (15 - digits)),  # 0.9, 0.99, 0.999, …
    st.just(0),
)


def around(midnight: int) -> st.SearchStrategy[list[Decimal]]:
    """Seconds since 1970, exact to 1e-15: many of the second before midnight, in which a rounded time moves a day."""
    whole = st.one_of(st.integers(midnight - 1, midnight), st.integers(midnight - 86400, midnight + 86399))
    instant = st.builds(lambda seconds, part: seconds + EXACT.divide(Decimal(part), Decimal(10**15)), whole, fractions)
    return st.lists(instant, min_size=5, max_size=25)


instants = st.integers(18_264, 20_745).flatmap(lambda day: around(day * 86400))


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
        columns += [(places, values.cast(pa.timestamp(unit, zone)), {}) for zone in (None, "Asia/Kathmandu")]
        if unit == "ns":
            columns.append((places, values.cast(pa.timestamp("ns")), {"use_deprecated_int96_timestamps": True}))
    everywhere = list(range(len(given_instants)))
    columns.append((everywhere, pa.array(given_instants, pa.decimal128(38, 15)), {}))
    columns.append((everywhere, pa.array([iso(i) for i in given_instants]), {}))
    return [column for column in columns if column[0]]


def table_of(places: list[int], times: Any) -> pa.Table:
    columns = {"id": [f"p{place}" for place in places], "org": ["o"] * len(places), "meter": ["m"] * len(places)}
    return pa.table(columns | {"q": [1] * len(places), "ts": times, "region": ["r"] * len(places)})


def times_of(read: Read) -> dict[str, tuple[datetime, date | None]]:
    assert read.rejects == [], [(row["reason"], row["raw"]) for row in read.rejects[:3]]
    return {row["event_id"]: (row["occurred_at"], row["day"]) for row in read.events}


def expected(moments: dict[str, datetime]) -> dict[str, tuple[datetime, date]]:
    return {event_id: (moment, moment.date()) for event_id, moment in moments.items()}


@settings(max_examples=examples(4), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(instants)
@example([LAST_OF_SEPTEMBER, Decimal("1790812799.9999999"), Decimal("1790812799.9999995"), Decimal(1789041600)])
def test_an_instant_is_the_same_microsecond_and_day_in_every_form_and_format(
    reader: Reader, given_instants: list[Decimal]
) -> None:
    forms = [(text, moment_of(instant)) for instant in given_instants for text in texts(instant)]
    written = [text for text, _ in forms]
    as_strings = {f"s{place}": moment for place, (_, moment) in enumerate(forms)}
    as_numbers = {f"n{place}": moment for place, (text, moment) in enumerate(forms) if ":" not in text}
    assert times_of(reader.text(csv_of(written), plain_source("csv"))) == expected(as_strings)
    assert times_of(reader.text(jsonl_of(written), plain_source("jsonl"))) == expected(as_strings | as_numbers)
    for places, times, options in parquet_times(given_instants):
        read = reader.table(table_of(places, times), plain_source("parquet"), **options)
        assert times_of(read) == expected({f"p{place}": moment_of(given_instants[place]) for place in places})


def test_usage_of_the_last_nanosecond_of_a_month_stays_in_it(reader: Reader) -> None:
    written = ["1790812799999999999", "1790812799.9999999", "1790812799999.9999", iso(LAST_OF_SEPTEMBER)]
    read = reader.text(jsonl_of(written), plain_source("jsonl"))
    assert {day for _, day in times_of(read).values()} == {date(2026, 9, 30)}


# RFC 3339: hours up to 23, minutes up to 59. DuckDB would read some of the others, and move the usage by days.
IMPOSSIBLE_OFFSETS = [
    "+99:00",
    "-99:00",
    "+24:00",
    "+02:60",
    "-02:99",
    "+99",
    "+0260",
    "+2400",
    "+2:00",
    "+02:0",
    "+",
    "+02:",
]
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
    *(f"2026-09-30T{clock}Z" for clock in ("23:60:00", "25:00:00", "24:00:01", "2:00:00", "23", "23:59:5")),
    *(f"2026-09-30T23:59:59{offset}" for offset in IMPOSSIBLE_OFFSETS),
    *(f"2026-09-30 23:59:59 {offset}" for offset in IMPOSSIBLE_OFFSETS),
]
WRONG_CLOCKS = ["0", "20261005", "1.5e-300", "1e18", "9" * 19, "9" * 40, "1e300", "1969-12-31T23:59:59Z", "9999-12-31"]


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_what_is_no_instant_is_refused_by_row(reader: Reader, kind: str) -> None:
    times = UNREADABLE + WRONG_CLOCKS
    # Behind a mark with a colon no text is taken for a number of JSON.
    as_texts = jsonl_of(["#:" + text for text in times]).replace("#:", "")
    read = reader.text(csv_of(times) if kind == "csv" else as_texts, plain_source(kind))
    reasons = {"": "time_missing" if kind == "csv" else "time_unreadable"}
    assert read.events == []
    assert [row["reason"] for row in read.rejects] == [
        *(reasons.get(text, "time_unreadable") for text in UNREADABLE),
        *(["clock"] * len(WRONG_CLOCKS)),
    ]


@settings(max_examples=examples(10), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from("+-"), st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=40))
def test_an_offset_is_read_as_others_read_it_or_not_at_all(reader: Reader, offsets: list[tuple[str, int, int]]) -> None:
    written = [f"2026-09-15T12:00:00{sign}{hours:02}:{minutes:02}" for sign, hours, minutes in offsets]
    read = reader.text(jsonl_of(written), plain_source("jsonl"))
    possible = {
        f"s{place}": datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)
        for place, (text, (_, hours, minutes)) in enumerate(zip(written, offsets, strict=True))
        if hours < 24 and minutes < 60
    }
    assert {row["event_id"]: row["occurred_at"] for row in read.events} == possible
    assert {row["reason"] for row in read.rejects} <= {"time_unreadable"}


def test_of_two_numbers_that_a_double_cannot_tell_apart_neither_is_guessed(reader: Reader) -> None:
    first, second = "1790812799.9999999", "1790812799.99999990001"
    line = f'{{"id":"a","org":"o","meter":"m","q":1,"x":{{"ts":{first}}},"ts":{second}}}\n'
    read = reader.text(line, plain_source("jsonl"))
    assert [row["reason"] for row in read.rejects] == ["time_ambiguous"]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("zone", [None, "UTC"])
def test_times_at_the_ends_of_what_parquet_can_hold_are_refused_by_row(
    reader: Reader, unit: str, zone: str | None
) -> None:
    # Parquet stores seconds as milliseconds, which DuckDB makes to microseconds before anyone sees them.
    largest = {"s": 2**43, "ms": 2**53, "us": 2**63 - 1, "ns": 2**63 - 1}[unit]
    ends = pa.array([largest, -largest, -largest - 1, None], pa.int64()).cast(pa.timestamp(unit, zone))
    read = reader.table(table_of([0, 1, 2, 3], ends), plain_source("parquet"))
    assert read.events == []
    assert [row["row"] for row in read.rejects] == [1, 2, 3, 4]
    assert [row["reason"] for row in read.rejects][-1] == "time_missing"
    assert {row["reason"] for row in read.rejects} == {"clock", "time_missing"}


def test_a_time_may_be_a_dimension_whatever_it_is(reader: Reader) -> None:
    ends = pa.array([2**63 - 1, -(2**63), 1_790_812_799_500_000, None], pa.int64()).cast(pa.timestamp("us"))
    table = table_of([0, 1, 2, 3], ["2026-10-05"] * 4).drop_columns(["region"])
    read = reader.table(table.append_column("region", ends), plain_source("parquet"))
    assert [row["dimensions"] for row in read.events] == [
        "{}",
        f'{{"region":"{-(2**63)}"}}',
        '{"region":"2026-09-30 23:59:59.5"}',
        "{}",
    ]
    lists = pa.array([[ends[2]]] * 4)
    outcome = reader.table(table.append_column("region", lists), plain_source("parquet")).outcome
    assert isinstance(outcome, Broken)
    assert "column 'region' holds several times at once" in outcome.reason

"""A time is what its format, its zone and its unit say, to the microsecond: held against Python's own calendar."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flybill_pipeline.stores.usage.intake.landing import Landing
from flybill_pipeline.stores.usage.intake.preview import InLake
from flybill_pipeline_tests.stores.usage.intake.mapped import PLAIN, read, refused, source_of
from flybill_pipeline_tests.stores.usage.intake.reading import NOW, Reader

CSV = f'format = "csv"\n{PLAIN}csv = {{ delimiter = ";" }}'
ROW = "{id};acme;m;1;{ts}\n"
ZONES = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia", "America/Havana"]
FIRST = datetime(2020, 1, 2)  # noqa: DTZ001 - a local time
moments = st.datetimes(FIRST, NOW.replace(tzinfo=None) - timedelta(days=2))


def times(reader: Reader, occurred_at: str, texts: list[str]) -> list[datetime | str]:
    """What each text is read as, a UTC time without zone, or the reason why it is refused."""
    toml = CSV.replace('"ts"', occurred_at)
    found = read(reader, toml, "id;org;meter;q;ts\n" + "".join(ROW.format(id=n, ts=t) for n, t in enumerate(texts)))
    became = {int(event["event_id"]): event["occurred_at"] for event in found.events}
    became |= {row - 2: reason for row, reason in refused(found).items()}
    return [became[n] for n in range(len(texts))]


FINE = "%Y-%m-%d %H:%M:%S.%f"


@pytest.mark.parametrize(
    ("occurred_at", "text", "becomes"),
    [
        ('{ column = "ts", format = "%m/%d/%Y" }', "9/2/2023", "2023-09-02"),
        ('{ column = "ts", format = "%d.%m.%Y %H:%M" }', "05.10.2026 23:59", "2026-10-05T23:59"),
        ('{ column = "ts", format = "%d.%m.%Y %H:%M" }', "31.02.2026 23:59", "time_unreadable"),
        ('{ column = "ts", format = ["%Y%m%d", "%d-%b-%Y"] }', "05-Oct-2026", "2026-10-05"),
        ('{ column = "ts", format = ["%Y%m%d", "%d-%b-%Y"] }', "20261005", "2026-10-05"),
        ('{ column = "ts", format = "[%d/%b/%Y:%H:%M:%S %z]" }', "[06/Feb/2026:00:00:38 +0130]", "2026-02-05T22:30:38"),
        (f'{{ column = "ts", format = "{FINE}" }}', "2026-10-05 23:59:59.999999999", "2026-10-05T23:59:59.999999"),
        (f'{{ column = "ts", format = "{FINE} %z" }}', "2026-10-05 23:59:59.1 -0100", "2026-10-06T00:59:59.1"),
        (f'{{ column = "ts", format = "{FINE}%z" }}', "2026-10-05 23:59:59.123456789Z", "2026-10-05T23:59:59.123456"),
        ('{ column = "ts", format = "%Y%m%dT%H%M%z", zone = "Europe/Berlin" }', "20261005T0715Z", "2026-10-05T07:15"),
        ('{ column = "ts", format = "%Y%m%dT%H%M%S%z" }', "20261005T071500+0200", "2026-10-05T05:15:00"),
        ('{ column = "ts", format = "%m/%d/%Y %I:%M %p" }', "10/05/2026 12:30 AM", "2026-10-05T00:30"),
        ('{ column = "ts", format = "%Y-%m-%d", zone = "Europe/Berlin" }', "2026-10-05", "2026-10-04T22:00"),
        ('{ column = "ts", zone = "Europe/Berlin" }', "2026-10-05T01:00:00", "2026-10-04T23:00"),
        ('{ column = "ts", zone = "Europe/Berlin" }', "2026-10-05T01:00:00Z", "2026-10-05T01:00"),
        ('{ column = "ts", zone = "Europe/Berlin" }', "2026-10-05T01:00:00+01:00", "2026-10-05T00:00"),
        ('{ column = "ts", zone = "Europe/Berlin" }', "soon", "time_unreadable"),
        # Twice, as clocks were put back: the second. Never, as they were put forward: by the clock as it was before.
        ('{ column = "ts", zone = "Europe/Berlin" }', "2025-10-26T02:30:00", "2025-10-26T01:30"),
        ('{ column = "ts", zone = "Europe/Berlin" }', "2026-03-29T02:30:00", "2026-03-29T01:30"),
        ('{ column = "ts", unit = "s" }', "1790000000.1234569", "2026-09-21T14:13:20.123456"),
        ('{ column = "ts", unit = "ms" }', "1.790000000999E12", "2026-09-21T14:13:20.999"),
        ('{ column = "ts", unit = "us" }', "1790000000999999", "2026-09-21T14:13:20.999999"),
        ('{ column = "ts", unit = "ns" }', "1790000000999999999", "2026-09-21T14:13:20.999999"),
        ('{ column = "ts", unit = "s" }', "179000000099", "clock"),
        ('{ columns = ["ts", "meter"], format = "%Y-%m-%d m" }', "2026-10-05", "2026-10-05"),
        # Names of zones: those that mean one offset. BST is a time of Britain, and one of Bangladesh.
        ('{ column = "ts", format = "%a %b %d %H:%M:%S %Z %Y" }', "Mon Oct  5 10:00:00 UTC 2026", "2026-10-05T10:00"),
        ('{ column = "ts", format = "%a %b %d %H:%M:%S %Z %Y" }', "Sun Jul  5 10:00:00 BST 2026", "time_unreadable"),
        ('{ column = "ts", format = "%Y-%m-%d %H:%M %Z" }', "2026-07-05 10:00 Europe/London", "2026-07-05T09:00"),
        ('{ column = "ts", format = "%Y-%m-%d %H:%M %Z" }', "2026-07-05 10:00 Etc/GMT+2", "2026-07-05T12:00"),
        ('{ column = "ts", format = "%Y-%m-%d %H:%M %Z" }', "2026-07-05 10:00 EST", "2026-07-05T15:00"),
        ('{ column = "ts", format = "%Y-%m-%d %H:%M %Z" }', "2026-07-05 10:00 PST", "time_unreadable"),
        ('{ column = "ts", format = "[%d/%b/%Y:%H:%M:%S.%f %Z]" }', "[05/Jul/2026:10:00:00.5 AST]", "time_unreadable"),
        ('"ts"', "2026-09-01 00:00:00 +0000 UTC", "2026-09-01"),
        ('"ts"', "2026-09-01 00:00:00.5 -0700", "2026-09-01T07:00:00.5"),
    ],
)  # fmt: skip
def test_a_time_is_read_by_its_form(reader: Reader, occurred_at: str, text: str, becomes: str) -> None:
    expected = becomes if becomes[0].isalpha() else datetime.fromisoformat(becomes)
    assert times(reader, occurred_at, [text]) == [expected]


def local_to_utc(local: datetime, zone: str) -> datetime:
    """What a clock on a wall of the zone means: the second of two times, or the clock as it was before the change."""
    first, second = (local.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for fold in (0, 1))
    return max(first, second).replace(tzinfo=None)


@settings(max_examples=12, deadline=None)
@given(st.lists(moments, min_size=1, max_size=60), st.sampled_from(ZONES))
def test_a_local_time_is_that_of_its_zone(reader: Reader, local: list[datetime], zone: str) -> None:
    # A change of the clocks is what matters: every time comes with its like around both of the year's changes.
    around = [each.replace(month=month, hour=2) for each in local for month in (3, 10) if each.day < 29]
    known = [each for each in local + around if each < NOW.replace(tzinfo=None)]
    texts = [f"{each:%d/%m/%Y %H:%M:%S.%f}" for each in known]
    found = times(reader, f'{{ column = "ts", format = "%d/%m/%Y %H:%M:%S.%f", zone = "{zone}" }}', texts)
    assert found == [local_to_utc(each, zone) for each in known]


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(1_580_000_000 * 10**9, 1_790_000_000 * 10**9), min_size=1, max_size=60))
def test_a_number_of_time_is_cut_never_rounded(reader: Reader, nanoseconds: list[int]) -> None:
    for unit, digits in (("s", 9), ("ms", 6), ("us", 3), ("ns", 0)):
        texts = [format(Decimal(each).scaleb(-digits), "f") for each in nanoseconds]
        expected = [datetime(1970, 1, 1) + timedelta(microseconds=each // 1000) for each in nanoseconds]  # noqa: DTZ001
        assert times(reader, f'{{ column = "ts", unit = "{unit}" }}', texts) == expected


INTERVAL = """
format = "csv"
columns = { event_id = "id", org_id = "org", meter = "meter", quantity = { seconds = ["a", "b"] } }
"""


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(moments, st.timedeltas(timedelta(0), timedelta(days=12))), min_size=1, max_size=30))
def test_an_interval_is_split_by_day_and_nothing_of_it_is_lost(
    reader: Reader, intervals: list[tuple[datetime, timedelta]]
) -> None:
    ends = [(begins, min(begins + length, NOW.replace(tzinfo=None))) for begins, length in intervals]
    content = "id,org,meter,a,b\n" + "".join(f"{n},acme,m,{a},{b}\n" for n, (a, b) in enumerate(ends))
    found = read(reader, INTERVAL, content)
    assert found.rejects == []
    assert all(event["day"] == event["occurred_at"].date() for event in found.events)
    assert all(0 <= event["quantity"] <= 86400 for event in found.events)
    assert len({event["event_id"] for event in found.events}) == len(found.events)
    for n, (begins, until) in enumerate(ends):
        parts = sorted((e["occurred_at"], e["quantity"]) for e in found.events if e["event_id"].startswith(f"{n}#"))
        microseconds = [Decimal(int(quantity * 1_000_000)) for _, quantity in parts]
        assert sum(microseconds) == (until - begins) // timedelta(microseconds=1)
        assert parts[0][0] == begins
        assert all(at.time() == datetime.min.time() for at, _ in parts[1:])
        last = max(begins, until - timedelta(microseconds=1))
        assert len(parts) == (last.date() - begins.date()).days + 1


def test_an_interval_that_is_none_is_refused(reader: Reader) -> None:
    rows = ["2026-10-05,2026-10-04", "2026-10-05,", ",2026-10-05", "2026-10-05,x", "2019-01-01,2026-10-05"]
    content = "id,org,meter,a,b\n" + "".join(f"{n},acme,m,{row}\n" for n, row in enumerate(rows))
    reasons = ["interval_reversed", "quantity_missing", "time_missing", "time_unreadable", "clock"]
    found = read(reader, INTERVAL, content)
    assert list(refused(found).values()) == reasons
    assert found.rejects[1]["message"].endswith('or leave it out until then: where = { "b" = { present = true } }')


@pytest.mark.parametrize(
    ("mapped", "text", "said"),
    [
        ('"ts"', "2026-02-30", "is not ISO 8601 with a day that exists, nor a number of s"),
        ('{ column = "ts", unit = "ns" }', "2026-10-05T00:00:00Z", "a number of ns since 1970, as its `unit` says"),
        ('{ column = "ts", unit = "ns" }', "1790000000", "was wrong, `unit` of the mapping is another, or"),
        ('{ column = "ts", format = ["%d.%m.%Y", "%Y%m%d"] }', "10/5/2026", "of its `format` '%d.%m.%Y' or '%Y%m%d'"),
    ],
)
def test_who_reads_of_a_time_that_is_none_is_told_what_the_mapping_wants(
    tmp_path: Path, mapped: str, text: str, said: str
) -> None:
    (tmp_path / "usage.csv").write_text(f"id;org;meter;q;ts\n1;acme;m;1;{text}\n")
    landing = Landing(str(tmp_path / "zone"), {"t": source_of(CSV.replace('"ts"', mapped), tmp_path)})
    (told,) = landing.preview(tmp_path / "usage.csv", "t", InLake(tmp_path)).refused
    assert said in told.message

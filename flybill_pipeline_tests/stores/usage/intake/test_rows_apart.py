"""A row that cannot be read is refused by itself: what DuckDB does with many rows at once spares the good ones."""

import json

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from flybill_pipeline_tests.stores.usage.intake.mapped import read, refused, source_of, told
from flybill_pipeline_tests.stores.usage.intake.reading import Reader

CSV = """
format = "csv"
where_sql = {where}
columns = {{ event_id = "id", org_id = {{ sql = {org} }}, meter = {{ constant = "m" }},
    quantity = {{ sql = {number} }}, occurred_at = {{ sql = {time}, unit = "s" }} }}
""".replace("\n    ", " ")
NUMBERS = [
    "q::int",
    "q::int * q::int",
    "q::decimal(38, 18) + q::decimal(38, 18) * 2",
    "case when q::int > 3 then q::int else 0 end",
    "60 * split_part(d, ':', 1)::int + split_part(d, ':', 2)::int",
    "hour(d::time) * 3600 + minute(d::time) * 60",
    "coalesce(nullif(q::int, 7), 1)",
    "date_diff('day', strptime(t, '%Y-%m-%d'), strptime(t, '%Y-%m-%d') + to_days(q::int))",
]
CONDITIONS = ["true", "q::int >= 0 or q::int < 0", "hour(d::time) < 23", "q <> '-'", "q::int + 1 > 1"]
ORGS = ["o", "o || (q::int)::varchar", "strftime(strptime(t, '%Y-%m-%d'), '%Y')"]
TIMES = ["1791158400 + q::int", "1791158400 + hour(d::time)", "'1791158400'"]
values = st.tuples(
    st.sampled_from(["7", "4", "0", "-1", "x", "", "7.5", "99999999999", "1e3"]),
    st.sampled_from(["01:02", "23:59", "25:00", "x", ""]),
    st.sampled_from(["2026-10-05", "2026-02-30", "soon", ""]),
)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(values, min_size=2, max_size=4),
    st.sampled_from(CONDITIONS),
    st.sampled_from(ORGS),
    st.sampled_from(NUMBERS),
    st.sampled_from(TIMES),
)
def test_a_row_is_read_as_if_it_stood_alone(
    reader: Reader, rows: list[tuple[str, str, str]], where: str, org: str, number: str, time: str
) -> None:
    parts = {"where": where, "org": org, "number": number, "time": time}
    toml = CSV.format(**{name: json.dumps(part) for name, part in parts.items()})
    lines = [f"{place},acme,{','.join(row)}\n" for place, row in enumerate(rows)]
    together = read(reader, toml, "id,o,q,d,t\n" + "".join(lines))
    alone = [read(reader, toml, f"id,o,q,d,t\n{line}") for line in lines]
    assert told(together) == [event for each in alone for event in told(each)]
    reasons = {place + 2: reason for place, each in enumerate(alone) for reason in refused(each).values()}
    assert refused(together) == reasons


def test_a_field_of_parquet_that_is_no_number_spares_the_other_rows(reader: Reader) -> None:
    toml = """
format = "parquet"
[sources.columns]
event_id = "id"
org_id = "o"
meter = { constant = "m" }
quantity = { sql = "r.q::int * r.q::int + length(r.d)" }
occurred_at = "t"
"""
    file = reader.root / "given.parquet"
    rows = "select i id, 'acme' o, '2026-10-05' t, {'q': case i when 2 then 'x' else '7' end, 'd': ''} r"
    duckdb.execute(f"copy ({rows} from range(1, 4) one(i)) to '{file}' (format parquet)")
    found = reader.read(file, source_of(toml, reader.root))
    assert [event["event_id"] for event in found.events] == ["1", "3"]
    assert refused(found) == {2: "quantity_missing"}


def test_meters_that_are_made_of_the_same_number_spare_the_other_rows(reader: Reader) -> None:
    toml = """
format = "csv"
where_sql = "q::int <> 5"
columns = { event_id = "id", org_id = "o", occurred_at = "t" }
[[sources.measures]]
meter = "a"
quantity = { sql = "q::int" }
[[sources.measures]]
meter = "b"
quantity = { sql = "q::int + 1", times = { sql = "q::int - 1" } }
"""
    found = read(reader, toml, "id,o,q,t\n1,acme,7,2026-10-05\n2,acme,5,2026-10-05\n3,acme,x,2026-10-05\n")
    assert told(found) == ["acme a 7 2026-10-05T00:00:00Z", "acme b 48 2026-10-05T00:00:00Z"]

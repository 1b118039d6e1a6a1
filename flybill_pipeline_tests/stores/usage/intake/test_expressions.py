"""An expression of a mapping is an expression: it reads its row and nothing else, and is never a binary float."""

import re
from decimal import Decimal

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.stores.usage.intake.expressions import fault_of_sql, sql_over
from flybill_pipeline_tests.stores.usage.intake.mapped import read, refused, source_of, told
from flybill_pipeline_tests.stores.usage.intake.reading import Reader


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("(select 1)", "subquery is not allowed"),
        ("x in (select 1)", "subquery is not allowed"),
        ("exists(select 1)", "subquery is not allowed"),
        ("read_text('/etc/passwd')", "function 'read_text' is not allowed"),
        ("getenv('HOME')", "function 'getenv' is not allowed"),
        ("now()", "function 'now' is not allowed"),
        ("random()", "function 'random' is not allowed"),
        ("gen_random_uuid()", "is not allowed"),
        ("nextval('x')", "is not allowed"),
        ("sum(q)", "function 'sum' is not allowed"),
        ("row_number() over ()", "window is not allowed"),
        ("upperr(x)", r"did you mean 'upper'\?"),
        ("1) from read_csv('/etc/passwd') --", "cannot be read"),
        ("1), (2", "must be one expression"),
        ("1); drop table x; select (1", "must be one expression|cannot be read"),
        ("1 from read_csv('/etc/passwd')", "must be one expression|cannot be read"),
        ("*", "star is not allowed"),
        ("?", "parameter is not allowed"),
        ("$1", "parameter is not allowed"),
        ("x collate nocase", "collate is not allowed"),
        ("x::blob", "type 'BLOB' is not allowed"),
        ("lower(", "cannot be read"),
        ("cast(at as int)", 'stands in double quotes: "at"'),
        ("", "cannot be read"),
        ("main.upper(x)", "is not allowed"),
        ("a.l[1]", "is a letter of a text, and no element of a list"),
        ("list_extract(a, 2)", "is a letter of a text"),
        ("upper(regexp_extract(x, 'a(b)')[1])", "is a letter of a text"),
    ],
)
def test_what_is_no_pure_expression_is_refused(text: str, says: str) -> None:
    assert re.search(says, fault_of_sql(text, exact=False) or "nothing")


@pytest.mark.parametrize(
    "text", ["regexp_split_to_array(x, ' ')[2]", "json_extract(x, '$.l')[0]", '"a.l[1]"', "x[1:3]"]
)
def test_an_element_of_a_list_may_be_taken(text: str) -> None:
    assert fault_of_sql(text, exact=False) is None


@pytest.mark.parametrize(
    "text",
    [
        "x::double", "1e3", "x::decimal(38,18) / 2", "(x::decimal(38,18) / 2)::decimal(38,18)", "x * 2.5",

        "json_extract_string(x, '$.q')", "x ->> '$.q'", "x::real",
    ],
)  # fmt: skip
def test_a_quantity_is_never_a_binary_float_not_even_on_the_way(text: str) -> None:
    fault = fault_of_sql(text, exact=True)
    assert fault is not None and ("binary float" in fault or "is not exact" in fault or "worked out" in fault)


MAPPING = """
format = "{form}"
columns = {{ event_id = "id", org_id = {{ sql = "lower(trim({org}))" }}, meter = {{ sql = "'gpu_' || kind" }},
    quantity = {{ sql = "regexp_extract(tres, 'gpu=([0-9.]+)', 1)", times = {{ column = "s" }} }},
    occurred_at = {{ sql = "ts::timestamp - to_hours(1)" }} }}
""".replace("\n    ", " ")


CSV = """id,The Org,kind,tres,s,ts
1, ACME ,a,"gpu=1.5,mem=1",3600,2026-10-05 01:00:00
2,acme,a,mem=1,1,2026-10-05
3,acme,a,gpu=1,1,soon
"""


def test_a_row_is_read_by_expressions(reader: Reader) -> None:
    found = read(reader, MAPPING.format(form="csv", org='\\"The Org\\"'), CSV)
    assert told(found) == ["acme gpu_a 5400 2026-10-05T00:00:00Z"]
    assert refused(found) == {3: "quantity_missing", 4: "time_missing"}
    jsonl = '{"id":1,"o":{"x":"ACME"},"kind":"a","tres":"gpu=2","s":12345678901234.5,"ts":"2026-10-05 01:00:00"}\n'
    assert told(read(reader, MAPPING.format(form="jsonl", org="o.x"), jsonl)) == [
        "acme gpu_a 24691357802469 2026-10-05T00:00:00Z"
    ]


LINES = r"""
format = "csv"
csv = { delimiter = "\u0001", quote = "", header = ["line"] }
columns = { event_id = "row", meter = { constant = "b" },
    org_id = { sql = "regexp_split_to_array(trim(line), ' +')[2]" },
    quantity = { sql = "string_split_regex(trim(line), ' +')[3]" }, occurred_at = { sql = "left(line, 10)" } }
""".replace("\n    ", " ")


def test_lines_of_text_are_taken_apart(reader: Reader) -> None:
    found = read(reader, LINES, '1791158400  acme   12 "GET \\"a, b\n1791158400 acme 3 it\'s;\n')
    assert told(found) == ["acme b 12 2026-10-05T00:00:00Z", "acme b 3 2026-10-05T00:00:00Z"]


def test_a_fault_is_told_with_its_place(reader: Reader) -> None:
    with pytest.raises(Exception, match=r"sources\[1\].columns.meter.sql: the function 'now' is not allowed in it"):
        source_of(MAPPING.format(form="csv", org="o").replace("'gpu_' || kind", "now()"), reader.root)


def test_blank_lines_are_no_rows_of_a_text_either(reader: Reader) -> None:
    toml = LINES.replace('format = "csv"', 'format = "csv"\nnull_values = ["-"]')
    found = read(reader, toml, "\n1791158400 acme 12\n\n1791158400 acme 3\n\n-\n\n")
    assert told(found) == ["acme b 12 2026-10-05T00:00:00Z", "acme b 3 2026-10-05T00:00:00Z"]
    assert list(refused(found).values()) == ["org_missing"]
    assert getattr(found.outcome, "records", 0) == 3


@pytest.mark.parametrize(
    ("cast", "values"),
    [
        ("q::int", {"7": "7", " 7 ": "7", "7.0": "7", "-7": "-7", "7.6": None, "1e1": None, "": None, "x": None}),
        ("cast(trim(q) as bigint) - 1", {"8": "7", "8.4": None, "8 x": None}),
        ("coalesce(try_cast(q as int), 0)", {"7": "7", "7.6": "0", "x": "0"}),
        ("q::decimal(9, 2)", {"7.25": "7.25", "7.250": "7.25", "7.256": None}),
        ("q::decimal", {"7.125": "7.125", "7.1255": None}),
        ("2 * q::decimal(38, 18)", {"1.5": "3", "1e-18": "0.000000000000000002", "0.1234567890123456789": None}),
        ("q::decimal(38, 18)", {"1e-19": None, "1.5e-18": None, "12e-19": None, "0.1e-17": "0.000000000000000001"}),
        ("q::decimal(38, 18)", {"1.50e-0003": "0.0015", "2e-00": "2", "1.5E+2": "150", "0E-20": "0"}),
        ("cast(concat(q::int, '') as int)", {"7": "7", "7.6": None}),
        ("q::json::int", {"7": "7", "7.6": None}),
        ("length(q)::int + (1.5 * 1)::int", {"abc": "5"}),
    ],
)
def test_a_cast_of_a_text_rounds_no_quantity(reader: Reader, cast: str, values: dict[str, str | None]) -> None:
    columns = '{ event_id = "row", org_id = { constant = "o" }, meter = { constant = "m" }, occurred_at = "ts", '
    toml = f'format = "csv"\ncolumns = {columns}quantity = {{ sql = "{cast}" }} }}'
    found = read(reader, toml, "q,ts\n" + "".join(f"{value},2026-10-05\n" for value in values))
    quantities = {event["row"]: format(event["quantity"].normalize(), "f") for event in found.events}
    assert [quantities.get(row) for row in range(2, len(values) + 2)] == list(values.values())


@pytest.mark.parametrize(
    ("quantity", "values"),
    [
        ("nullif(q, 0)", {"0.4": "0.4", "0": None, "0.0": None, "-0.4": "-0.4", "7": "7"}),
        ("nullif(nullif(q, 0), 1)", {"0.4": "0.4", "1.4": "1.4", "1": None}),
        ("case when q <> 0 then q else '1' end", {"0.4": "0.4", "0": "1"}),
        ("case q when 0.5 then '1' else q end", {"0.54": "0.54", "0.50": "1"}),
        ("case when q in (1, 2) then '0' else q end", {"1.4": "1.4", "2": "0"}),
        ("case when cast(q as int) > 7 then '2' else '1' end", {"7": "1", "7.4": "2", "7.6": "2", "8": "2"}),
        ("case when q::int between 1 and 7 then '2' else '1' end", {"0.6": "1", "1": "2", "7.4": "1"}),
    ],
)
def test_a_text_is_compared_with_a_number_as_it_stands(
    reader: Reader, quantity: str, values: dict[str, str | None]
) -> None:
    columns = '{ event_id = "row", org_id = { constant = "o" }, meter = { constant = "m" }, occurred_at = "ts", '
    toml = f'format = "csv"\ncolumns = {columns}quantity = {{ sql = "{quantity}" }} }}'
    found = read(reader, toml, "q,ts\n" + "".join(f"{value},2026-10-05\n" for value in values))
    quantities = {event["row"]: format(event["quantity"].normalize(), "f") for event in found.events}
    assert [quantities.get(row) for row in range(2, len(values) + 2)] == list(values.values())


@given(texts=st.lists(st.from_regex(r"[+-]?[0-9]{0,3}(\.[019]{0,20})?([eE][+-]?0?[0-9]{1,2})?", fullmatch=True)))
@pytest.mark.parametrize("cast", ["int", "hugeint", "decimal(9, 2)", "decimal(38, 18)"])
def test_what_a_cast_gives_is_the_number_that_stands_there(cast: str, texts: list[str]) -> None:
    sql = sql_over(f"q::{cast}", lambda name: name, exact=True)
    found = duckdb.execute(f"select q, {sql} from (select unnest(?::varchar[]) as q)", [texts]).fetchall()
    assert [text for text, value in found if value is not None and Decimal(text) != Decimal(value)] == []


NO_ZONE = ["", "Z", "+00", " UTC", "-00:00"]
A_ZONE = ["+02", "-0530", " +02:00", "+02:00"]
NO_TIME = [" BST", " CEST", " foo", " AM", " 10", ";", "+2"]


@pytest.mark.parametrize("at", ["2026-10-05 10:00:00", "2026-10-05T10:00:00.25", "2026/10/05 10:00"])
@pytest.mark.parametrize("kind", ["timestamp", "date", "time", "timestamptz", "timestamp with time zone"])
def test_a_cast_of_a_text_drops_no_zone_of_a_time(kind: str, at: str) -> None:
    connection = duckdb.cursor()
    sql = sql_over(f"cast(x as {kind})", lambda _: "t")

    def told(text: str) -> str | None:
        rows = connection.execute(f"set timezone = 'UTC'; select {sql} from (select ? as t)", [text]).fetchall()
        return rows[0][0] and str(rows[0][0])

    plain = told(at)
    assert plain is not None
    assert [told(at + zone) for zone in NO_ZONE] == [plain] * len(NO_ZONE)
    zoned = [told(at + zone) for zone in A_ZONE]
    if kind.startswith(("timestamptz", "timestamp with")):
        assert [value and value[11:13] for value in zoned] in (["08", "15", None, "08"], ["08", "15", "08", "08"])
        assert str(told(f"{at} Europe/Berlin"))[11:13] == "08"
    else:
        assert zoned == [None] * len(A_ZONE)
        assert told(f"{at} Europe/Berlin") is None
    assert [told(at + rest) for rest in NO_TIME] == [None] * len(NO_TIME)


@pytest.mark.parametrize("form", ["x = date '2026-10-05'", "x in (date '2026-10-04', date '2026-10-05')"])
def test_a_text_beside_a_time_keeps_its_zone_too(form: str) -> None:
    connection, sql = duckdb.cursor(), sql_over(form, lambda _: "t")
    told = [
        connection.execute(f"select {sql} from (select ? as t)", [text]).fetchall()[0][0]
        for text in ("2026-10-05", "2026-10-05 10:00Z", "2026-10-06", "2026-10-05 23:30-05")
    ]
    assert told == ["true", "true", "false", None]


@pytest.mark.parametrize(
    "choice",
    [
        "coalesce(a::decimal(38, 18), b::decimal(38, 0))",
        "case when a = 'x' then a::decimal(38, 18) else b::decimal(30, 0) end",
        "if(a = 'x', a::decimal(38, 18), b::decimal(38, 0))",
        "2 * greatest(a::decimal(38, 18), b::decimal(38, 2))",
    ],
)
def test_a_choice_between_decimals_that_would_round_one_is_refused(choice: str) -> None:
    assert "is rounded to" in str(fault_of_sql(choice, exact=True))
    assert fault_of_sql("coalesce(a::decimal(38, 18), 0, b::bigint)", exact=True) is None


def test_an_id_is_not_rounded_to_another(reader: Reader) -> None:
    columns = 'org_id = { constant = "o" }, meter = { constant = "m" }, occurred_at = "ts", quantity = "q" }'
    toml = f'format = "csv"\ncolumns = {{ event_id = {{ sql = "id::int" }}, {columns}'
    found = read(reader, toml, "id,q,ts\n1,1,2026-10-05\n1.4,1,2026-10-05\n")
    assert (told(found), refused(found)) == (["o m 1 2026-10-05T00:00:00Z"], {3: "event_id_missing"})


SIFTED = 'columns = { event_id = "id", org_id = "o", meter = { constant = "m" }, quantity = "q", occurred_at = "ts" }\n'
GIVEN = [("1", "200"), ("2", "404"), ("3", ""), ("4", "x"), ("5", "204")]


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_rows_of_which_a_condition_is_not_true_are_no_usage(reader: Reader, form: str) -> None:
    toml = f'format = "{form}"\n{SIFTED}where = {{ id = {{ not = "5" }} }}\nwhere_sql = "cast(status as int) < 400"\n'
    rows = {
        "csv": "id,o,q,ts,status\n" + "".join(f"{n},acme,2,2026-10-05,{status}\n" for n, status in GIVEN),
        "jsonl": "".join(
            f'{{"id": "{n}", "o": "acme", "q": 2, "ts": "2026-10-05", "status": "{status}"}}\n' for n, status in GIVEN
        ),
    }
    found = read(reader, toml, rows[form])
    assert told(found) == ["acme m 2 2026-10-05T00:00:00Z"]
    assert (getattr(found.outcome, "left_out", 0), found.rejects) == (4, [])


@pytest.mark.parametrize("condition", ["q <> 0", "q::int > 0", "q not in (0, 1)", "not q = 0", "nullif(q, 0) <> 1"])
def test_usage_below_one_is_not_left_out_as_if_it_were_none(reader: Reader, condition: str) -> None:
    toml = f'format = "csv"\n{SIFTED}where_sql = "{condition}"\n'
    found = read(reader, toml, "id,o,q,ts\n1,acme,0.4,2026-10-05\n2,acme,0.0,2026-10-05\n")
    assert told(found) == ["acme m 0.4 2026-10-05T00:00:00Z"]


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("a::int + 1 > 2", [2, 4]),
        ("2 < 1 + cast(a as decimal)", [2, 4]),
        ("a::int - b::int > 0", [2, 4]),
        ("-(a::int) < -1", [2, 4]),
        ("2 * a::int > 2", [2, 4]),
        ("a::int * b::int > 1", [2, 4]),
        ("a::int * b::int * 1000 > 1399 + a::int", [4]),
        ("coalesce(try_cast(a as int), 0) > 1", [2, 4]),
        ("case when b = '1' then a::int else 0 end > 1", [2, 4]),
        ("greatest(a::int, 1) > 1", [2, 4]),
        ("abs(a::int) % 2 > 1", [2]),
        ("a::int * 12345678901234 > 12345678901234", [2, 4]),
        ("regexp_extract(a, '[0-9]+')::int > 1", [4]),
    ],
)
def test_what_is_reckoned_from_a_text_is_compared_unrounded(reader: Reader, condition: str, rows: list[int]) -> None:
    given = ["0.6", "1.4", "1", "234567"]
    columns = SIFTED.replace('"q"', '"a"')
    toml = f'format = "csv"\n{columns}where_sql = "{condition}"\n'
    lines = "".join(f"{n},acme,{a},1,2026-10-05\n" for n, a in enumerate(given, start=1))
    found = read(reader, toml, "id,o,a,b,ts\n" + lines)
    assert [event["row"] - 1 for event in found.events] == rows


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("status", "must be true or false, such as status = '200', and is VARCHAR"),
        ("now() > ts", "'now' is not allowed"),
    ],
)
def test_a_condition_that_is_none_is_told_with_its_place(reader: Reader, text: str, says: str) -> None:
    with pytest.raises(Exception, match=f"sources.1..where_sql: .*{says}"):
        source_of(f'format = "csv"\n{SIFTED}where_sql = "{text}"\n', reader.root)


@pytest.mark.parametrize(
    ("form", "sql", "meter"),
    [
        ("csv", "concat('m', coalesce(k, '-'))", "m-"),
        ("jsonl", "concat('m', coalesce(k, '-'))", "m"),
        ("csv", "concat('m', coalesce(nullif(k, ''), '-'))", "m-"),
        ("jsonl", "concat('m', coalesce(nullif(k, ''), '-'))", "m-"),
    ],
)
def test_an_empty_value_is_null_in_csv_and_a_text_in_json(reader: Reader, form: str, sql: str, meter: str) -> None:
    columns = 'event_id = "row", org_id = { constant = "o" }, quantity = { constant = 1 }, occurred_at = "ts"'
    given = {"csv": 'k,ts\n,2026-10-05\n"",2026-10-05\n', "jsonl": '{"k": "", "ts": "2026-10-05"}\n' * 2}
    toml = f'format = "{form}"\ncolumns = {{ {columns}, meter = {{ sql = "{sql}" }} }}'
    assert [event["meter"] for event in read(reader, toml, given[form]).events] == [meter] * 2

"""An expression of a mapping is an expression: it reads its row and nothing else, and is never a binary float."""

import re

import pytest

from flybill_pipeline.stores.usage.intake.expressions import fault_of_sql
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
        ("", "cannot be read"),
        ("main.upper(x)", "is not allowed"),
    ],
)
def test_what_is_no_pure_expression_is_refused(text: str, says: str) -> None:
    assert re.search(says, fault_of_sql(text, exact=False) or "nothing")


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
        ("length(q)::int + (1.5 * 1)::int", {"abc": "5"}),
    ],
)
def test_a_cast_of_a_text_rounds_no_quantity(reader: Reader, cast: str, values: dict[str, str | None]) -> None:
    columns = '{ event_id = "row", org_id = { constant = "o" }, meter = { constant = "m" }, occurred_at = "ts", '
    toml = f'format = "csv"\ncolumns = {columns}quantity = {{ sql = "{cast}" }} }}'
    found = read(reader, toml, "q,ts\n" + "".join(f"{value},2026-10-05\n" for value in values))
    quantities = {event["row"]: format(event["quantity"].normalize(), "f") for event in found.events}
    assert [quantities.get(row) for row in range(2, len(values) + 2)] == list(values.values())


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

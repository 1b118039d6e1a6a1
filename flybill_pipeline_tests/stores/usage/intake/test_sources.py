"""The source mapping is read as it is written, and every fault in it is named with its path."""

import string
from contextlib import suppress
from itertools import product
from pathlib import Path

import duckdb
import pytest

import flybill_pipeline
from flybill_pipeline.stores.usage.intake.sources import Column, SourcesError, load_sources
from flybill_pipeline_tests.stores.usage.intake.reading import Reader

SAMPLE = Path(flybill_pipeline.__file__).parent / "sources.toml"


def test_the_sample_mapping_can_be_read() -> None:
    sources = load_sources(SAMPLE)
    assert list(sources) == ["edge", "machines", "volumes", "cloudevents"]
    assert sources["edge"].meter == Column(constant="bandwidth_gb")
    assert sources["cloudevents"].quantity == Column(name="data.quantity")
    assert sources["edge"].column_names() == ["gb", "id", "org", "region", "ts"]


AT = 'occurred_at = { column = "t", format = "%%Y-%s" }'


def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    file = tmp_path / "sources.toml"
    file.write_text("""
[[sources]]
name = "a"
format = "xml"
files = "/a/*"
colour = "red"
columns = { event_id = { constant = "x" }, org_id = "org", meter = 5, occurred_at = "ts", tier = "gold" }
[[sources]]
name = "a"
format = "csv"
columns = { event_id = ["a", "b"], org_id = "org", meter = "m", quantity = { column = "q", tims = 2 } }
""")
    with pytest.raises(SourcesError) as error:
        load_sources(file)
    found = [line.removeprefix(f"{file}: ").split(":")[0] for line in str(error.value).splitlines()]
    assert "tims: unknown key (did you mean 'times'?)" in str(error.value)
    assert sorted(found) == [
        "sources",
        "sources[1].colour",
        "sources[1].columns.event_id",
        "sources[1].columns.meter",
        "sources[1].columns.quantity",
        "sources[1].columns.tier",
        "sources[1].files",
        "sources[1].format",
        "sources[2].columns.occurred_at",
        "sources[2].columns.quantity.tims",
        "sources[2].files",
    ]


def test_a_part_of_a_time_that_nobody_can_read_is_a_fault_of_the_mapping(tmp_path: Path) -> None:
    file = tmp_path / "sources.toml"
    known: set[str] = set()
    for mark, letter in product(("%", "%-"), string.ascii_letters + "%1 "):
        columns = f'{{ event_id = "id", org_id = "o", meter = "m", quantity = "q", {AT % (mark + letter)} }}'
        file.write_text(f'[[sources]]\nname = "a"\nformat = "csv"\nfiles = "a/*"\ncolumns = {columns}\n')
        with suppress(SourcesError):
            known |= {mark + letter for _ in load_sources(file)}
    with duckdb.connect() as connection:
        for mark, letter in product(("%", "%-"), string.ascii_letters + "%1 "):
            with suppress(duckdb.Error):
                connection.execute(f"select try_strptime('', '{mark}{letter}')")
                known.remove(mark + letter)
    assert known == set()


@pytest.mark.parametrize("content", ["", "sources = 3", "[[sources]\n", "[[sources]]\n"])
def test_a_file_without_a_whole_source_is_an_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "s.toml").write_text(content)
    with pytest.raises(SourcesError, match=r"s\.toml: "):
        load_sources(tmp_path / "s.toml")


def test_a_mapping_below_another_without_its_first_line_says_which_line_it_needs(tmp_path: Path) -> None:
    file = tmp_path / "sources.toml"
    file.write_text(f'{SAMPLE.read_text()}\nformat = "csv"\n[sources.columns]\nevent_id = "row"\n')
    with pytest.raises(SourcesError, match=r"begins with a line \[\[sources\]\] of its own"):
        load_sources(file)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourcesError, match=r"none\.toml"):
        load_sources(tmp_path / "none.toml")


def test_the_fingerprint_follows_the_mapping(tmp_path: Path) -> None:
    before = load_sources(SAMPLE)["edge"].fingerprint()
    changed = tmp_path / "s.toml"
    changed.write_text(SAMPLE.read_text().replace('quantity = "gb"', 'quantity = "gigabytes"'))
    assert load_sources(SAMPLE)["edge"].fingerprint() == before
    assert load_sources(changed)["edge"].fingerprint() != before


def test_a_word_that_came_later_is_no_part_of_the_fingerprint_where_it_is_not_said(tmp_path: Path) -> None:
    columns = '{ event_id = "id", org_id = "org", meter = "meter", quantity = "q", occurred_at = "ts" }'
    found = []
    for more in ("", ", trim = false", ", trim = true"):
        (tmp_path / "s.toml").write_text(
            f'[[sources]]\nname = "t"\nformat = "csv"\nfiles = "t/**"\ncsv = {{ delimiter = ";"{more} }}\n'
            f"columns = {columns}\n"
        )
        found.append(load_sources(tmp_path / "s.toml")["t"].fingerprint())
    assert found[:2] == ["e3f37aa7d828b083"] * 2  # what it was before there was `trim`
    assert found[2] != found[0]


def test_what_an_engine_may_do_to_its_rows_is_no_part_of_the_fingerprint(tmp_path: Path) -> None:
    """It would be another table: nothing of its days was known any more, and rows that are gone would be unseen."""
    found = []
    for more in ("", "deletes = true", "keeps_days = 90", "lag = 5"):
        (tmp_path / "s.toml").write_text(
            '[[sources]]\nname = "t"\nformat = "table"\nurl = "$W"\ntable = "usage"\nwatermark = "seen"\n'
            'event_id = "id"\ncolumns = { org_id = "org", meter = "meter", quantity = "q", occurred_at = "at" }\n'
            f"{more}\n"
        )
        found.append(load_sources(tmp_path / "s.toml")["t"].fingerprint())
    assert found[:3] == ["45da8274da7fa382"] * 3  # what it was before there was `keeps_days`
    assert found[3] != found[0]


DIALECT = """
[[sources]]
name = "a"
format = "csv"
files = "a/*"
columns = { event_id = "id", org_id = "org", meter = "meter", quantity = "q", occurred_at = "ts" }
"""


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ('delimiter = "||"', "delimiter: must be one character"),
        ('delimiter = ""', "delimiter: must be one character"),
        ("quote = \"''\"", "quote: must be one character"),
        ('dimensions = { "a\\u0000" = "a" }', "the name holds a NUL"),
        (f'dimensions = {{ {"d" * 501} = "a" }}', "the name has 501 characters"),
        ('levels = "absolut"', "levels: must be one of changes, absolute, not 'absolut' .did you mean 'absolute'"),
        ("level_holds = 60", 'level_holds: needs levels = "absolute"'),
        ('levels = "absolute"\nlevel_holds = 0', "level_holds: must be a number of seconds, 1 at least"),
        ('levels = "absolute"\nlevel_of = ["v"]', "level_of: 'v' is no dimension of this source; its dimensions: none"),
        ('levels = "absolute"\n[[sources.measures]]\nquantity = { seconds = ["a", "b"] }', "beside `seconds`"),
    ],
)
def test_what_no_reader_or_database_takes_is_a_fault(tmp_path: Path, more: str, says: str) -> None:
    (tmp_path / "s.toml").write_text(DIALECT + more)
    with pytest.raises(SourcesError, match=says):
        load_sources(tmp_path / "s.toml")


def test_an_interval_has_no_time_beside_its_own_and_where_a_zone_goes_is_said(tmp_path: Path) -> None:
    text = DIALECT.replace('quantity = "q"', 'quantity = { seconds = ["from", "to"] }')
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(SourcesError) as error:
        load_sources(tmp_path / "s.toml")
    (fault,) = str(error.value).splitlines()
    assert "sources[1].columns.occurred_at: an interval has its own times" in fault
    ends = fault.partition("as in ")[2]
    (tmp_path / "s.toml").write_text(text.replace('seconds = ["from", "to"]', ends).replace(', occurred_at = "ts"', ""))
    assert load_sources(tmp_path / "s.toml")["a"].parts  # what it says can be typed


def test_levels_of_an_alias_must_end_by_themselves(tmp_path: Path) -> None:
    aliased = DIALECT.replace('org_id = "org"', 'org_id = { column = "org", alias = true }')
    (tmp_path / "s.toml").write_text(f'{aliased}levels = "absolute"')
    with pytest.raises(SourcesError, match="level_holds: missing: where org_id is an alias"):
        load_sources(tmp_path / "s.toml")


def test_a_file_without_quotes_can_be_read(tmp_path: Path, reader: Reader) -> None:
    (tmp_path / "s.toml").write_text(f'{DIALECT}quote = ""')
    source = load_sources(tmp_path / "s.toml")["a"]
    read = reader.text('id,org,meter,q,ts\n"1,acme,5" inch,1,2026-10-05\n2,acme,m,1,2026-10-05\n', source)
    assert [event["meter"] for event in read.events] == ['5" inch', "m"]


CLOUD_EVENT = (
    '{{"specversion":"1.0","type":"compute","subject":"ce",{identity},"time":"2026-10-05T00:00:0{quantity}Z",'
    '"data":{{"quantity":"{quantity}","region":"fra"}}}}\n'
)


def test_the_sample_mapping_tells_cloud_events_apart_by_source_and_id(reader: Reader) -> None:
    """As the standard says: two services may each have an event with the id 1."""
    identities = ['"id":"1","source":"/svc/a"', '"id":"1","source":"/svc/b"', '"id":"2","source":"/svc/a"', '"x":0']
    text = "".join(CLOUD_EVENT.format(identity=each, quantity=n) for n, each in enumerate(identities, start=1))
    read = reader.text(text, load_sources(SAMPLE)["cloudevents"])
    assert len({event["event_id"] for event in read.events}) == len(read.events) == 3
    assert [reject["reason"] for reject in read.rejects] == ["event_id_missing"]


def test_the_id_may_stand_beside_the_columns_but_once(tmp_path: Path) -> None:
    head = '[[sources]]\nname = "a"\nformat = "csv"\nfiles = "*"\nevent_id = "id"\n'
    rest = 'org_id = "org", meter = "m", quantity = "q", occurred_at = "t"'
    (tmp_path / "sources.toml").write_text(f"{head}columns = {{ {rest} }}")
    assert load_sources(tmp_path / "sources.toml")["a"].event_id == (Column("id"),)
    (tmp_path / "sources.toml").write_text(f'{head}columns = {{ event_id = "id", {rest} }}')
    with pytest.raises(SourcesError, match=r"columns\.event_id: is said twice, here and beside `columns`"):
        load_sources(tmp_path / "sources.toml")

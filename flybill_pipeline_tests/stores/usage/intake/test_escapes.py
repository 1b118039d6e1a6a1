"""CSV with an escape says what its writer meant: Spark, MySQL and Python's own wrote it. Other dialects: not here."""

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flybill_pipeline_tests.stores.usage.intake.mapped import read, refused, source_of
from flybill_pipeline_tests.stores.usage.intake.reading import Reader

COLUMNS = (
    'columns = { event_id = "id", org_id = { constant = "o" }, meter = { constant = "m" }, quantity = { constant = 1 },'
    ' occurred_at = { constant = "2026-10-05" } }\ndimensions = { text = "t" }\nnull_values = [\'\\N\']\n'
)
TEXTS = {
    **{"1": "plain", "2": 'say "hi"', "3": "C:\\dir", "4": "C:\\dir, x", "5": "end\\", "7": 'a\\"b', "9": "l1\nl2"},
    **{"10": "l1\\\nl2", "11": None, "12": None, "13": '"', "14": "\\", "17": "\\n, t", "25": "cr\rx"},
}
"""As Spark 4.3 and MariaDB 11.8 wrote them, with options that are their own where none are said."""
SPARK = r"""id,t
1,plain
2,"say \"hi\""
3,C:\dir
4,"C:\\dir, x"
5,end\
7,"a\\\"b"
9,"l1
l2"
10,"l1\\
l2"
11,
12,""
13,"\""
14,\
17,"\\n, t"
25,"cr^x"
"""
MYSQL = r"""1	plain
2	say "hi"
3	C:\\dir
4	C:\\dir, x
5	end\\
7	a\\"b
9	l1\
l2
10	l1\\\
l2
11	\N
12	~
13	"
14	\\
17	\\n, t
25	cr^x
"""
ENCLOSED = r"""1,"plain"
2,"say \"hi\""
3,"C:\\dir"
4,"C:\\dir, x"
5,"end\\"
7,"a\\\"b"
9,"l1\
l2"
10,"l1\\\
l2"
11,\N
12,""
13,"\""
14,"\\"
17,"\\n, t"
25,"cr^x"
"""
REDSHIFT = ENCLOSED.replace("1,", '"1",', 1).replace("dir, x", "dir\\, x").replace("\\\\n, t", "\\\\n\\, t")
ESCAPE = 'escape = "\\\\"'
NAMES = 'header = ["id", "t"]'


@pytest.mark.parametrize(
    ("dialect", "content"),
    [
        (ESCAPE, SPARK),
        (f'{ESCAPE}, delimiter = "\\t", quote = "", {NAMES}', MYSQL),
        (f"{ESCAPE}, {NAMES}", ENCLOSED),
        (f"{ESCAPE}, {NAMES}", REDSHIFT),
        (f'{ESCAPE}, {NAMES}, comment = "#"', '# "a comment\n' + ENCLOSED + '# another" \\"\n'),
        (f'{ESCAPE}, {NAMES}, encoding = "utf-16"', ENCLOSED),
        (f"{ESCAPE}, {NAMES}, trim = true", ENCLOSED.replace(',"', ', "')),
        (f"{ESCAPE}, {NAMES}, skip = 1", 'Report, "cut\n' + ENCLOSED),
    ],
)
def test_each_text_is_that_of_its_writer(reader: Reader, dialect: str, content: str) -> None:
    encoded = content.replace("^", "\r").replace("~", "").encode("utf-16" if "utf-16" in dialect else "utf-8")
    found = read(reader, f'format = "csv"\n{COLUMNS}csv = {{ {dialect} }}', encoded)
    assert refused(found) == {}
    assert texts_of(found.events) == TEXTS
    lines = content.split("\n")
    assert all(event["event_id"] in lines[event["row"] - 1] for event in found.events)


def texts_of(events: list[dict[str, Any]]) -> dict[str, str | None]:
    return {event["event_id"]: json.loads(str(event["dimensions"])).get("text") for event in events}


@settings(max_examples=25, deadline=None)
@given(
    texts=st.lists(st.text(st.sampled_from('ab\\",;\n\t #'), min_size=1, max_size=6), min_size=1, max_size=20),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_NONE]),
)
def test_what_python_escapes_is_read(reader: Reader, texts: list[str], quoting: Any) -> None:
    written = io.StringIO()
    writer = csv.writer(written, quoting=quoting, escapechar="\\", doublequote=False, lineterminator="\n")
    writer.writerows([["id", "t"], *([str(number), text] for number, text in enumerate(texts))])
    quote = ', quote = ""' if quoting == csv.QUOTE_NONE else ""
    found = read(reader, f'format = "csv"\n{COLUMNS}csv = {{ {ESCAPE}{quote} }}', written.getvalue())
    assert refused(found) == {}
    assert texts_of(found.events) == {str(n): None if text == "\\N" else text for n, text in enumerate(texts)}


def test_a_row_that_hides_others_is_told_what_to_say(reader: Reader) -> None:
    found = read(reader, f'format = "csv"\n{COLUMNS}', SPARK.split("5,end", maxsplit=1)[0])
    assert refused(found)[3] == "malformed_unquoted_value"
    assert "say `escape` of `csv`" in found.rejects[0]["message"]


@pytest.mark.parametrize("mark", ['"', ",", "#", "a"])
def test_an_escape_is_a_mark_of_its_own(reader: Reader, mark: str) -> None:
    with pytest.raises(Exception, match=r"csv.escape: (is for|must be)"):
        source_of(f'format = "csv"\n{COLUMNS}csv = {{ escape = \'{mark}\', comment = "#" }}', reader.root)

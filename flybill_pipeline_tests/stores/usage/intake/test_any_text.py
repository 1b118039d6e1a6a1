"""Any text in any column of any format: its row counts once or is set aside with a reason; no other is harmed."""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flybill_pipeline.billing.usage.files import Taken
from flybill_pipeline.billing.usage.texts import LONGEST_DIMENSION, LONGEST_ID
from flybill_pipeline_tests.stores.usage.intake.reading import Read, Reader, plain_source
from flybill_pipeline_tests.worlds.effort import examples

NAMES = ("id", "org", "meter", "region")
LIMITS = {"region": LONGEST_DIMENSION}
GOOD = {"id": "good", "org": "acme", "meter": "m", "q": "1", "ts": "2026-10-05T00:00:00Z", "region": "iad"}

long_texts = st.builds(
    lambda sign, count: sign * count,
    st.sampled_from("ué日🙂\\\"'"),
    st.sampled_from([LONGEST_ID, LONGEST_ID + 1, LONGEST_DIMENSION, LONGEST_DIMENSION + 1, 300_000]),
)
awkward = st.sampled_from(
    ["\0", "a\0", "\0b", "\\u0000", "\\\\u0000", "\n", "\r\n", '"', '""', "{}", "'", "\ufeff", "\x1b[2J", ",", "\uffff"]
)
texts = st.one_of(st.text(max_size=12), awkward, long_texts)
odd_rows = st.lists(st.tuples(st.sampled_from(NAMES), texts), min_size=1, max_size=8)


def as_jsonl(reader: Reader, rows: list[dict[str, str]]) -> Read:
    return reader.text("".join(f"{json.dumps(row)}\n" for row in rows), plain_source("jsonl"))


def as_csv(reader: Reader, rows: list[dict[str, str]]) -> Read:
    made = io.StringIO()
    writer = csv.DictWriter(made, list(GOOD), quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    return reader.text(made.getvalue(), plain_source("csv"))


def as_parquet(reader: Reader, rows: list[dict[str, str]]) -> Read:
    return reader.table(pa.Table.from_pylist(rows), plain_source("parquet"))


def rows_with(odd: list[tuple[str, str]]) -> list[dict[str, str]]:
    """Good rows around each odd one."""
    rows = [GOOD | {"id": "first"}]
    for number, (name, text) in enumerate(odd):
        rows += [GOOD | {"id": f"odd{number}"} | {name: text}, GOOD | {"id": f"good{number}"}]
    return rows


def can_be_kept(row: dict[str, str]) -> bool:
    return all("\0" not in row[name] and len(row[name]) <= LIMITS.get(name, LONGEST_ID) for name in NAMES) and all(
        (row["id"], row["org"].strip(" "), row["meter"].strip(" "))
    )


@pytest.mark.parametrize("write", [as_jsonl, as_csv, as_parquet])
@settings(max_examples=examples(12), deadline=None)
@given(odd=odd_rows)
@example(odd=[(name, text) for name in NAMES for text in ("\0", "a\0b", "x" * 501, "🙂" * 4001, "\\u0000")])
def test_a_row_counts_once_or_is_set_aside(
    reader: Reader, write: Callable[[Reader, list[dict[str, str]]], Read], odd: list[tuple[str, str]]
) -> None:
    rows = rows_with(odd)
    read = write(reader, rows)
    assert isinstance(read.outcome, Taken)
    kept = [tuple(row[name] for name in ("id", "org", "meter")) for row in rows if can_be_kept(row)]
    assert Counter((event["event_id"], event["org_id"], event["meter"]) for event in read.events) == Counter(kept)
    assert len(read.events) + len(read.rejects) == len(rows)
    assert all(reject["reason"] and reject["message"] for reject in read.rejects)
    regions = Counter(row["region"] for row in rows if can_be_kept(row))
    assert Counter(json.loads(event["dimensions"]).get("region", "") for event in read.events) == regions

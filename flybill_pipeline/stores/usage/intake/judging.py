"""The SQL that judges the rows of a usage file: a good row becomes a usage event, a bad one gets its reason.

Reading the file's format is in the readers; writing what is found here is in take.py.
"""

# ruff: noqa: S608 - DuckDB takes no parameters for files and columns; whatever comes from outside is quoted

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta

from flybill_pipeline.billing.usage.files import FIRST_DAY, OF_A_CLOCK
from flybill_pipeline.billing.usage.texts import LONGEST_DIMENSION, LONGEST_ID
from flybill_pipeline.stores.files.duck import quoted
from flybill_pipeline.stores.usage.intake.columns import Column
from flybill_pipeline.stores.usage.intake.event_ids import ID_MACROS, is_cut
from flybill_pipeline.stores.usage.intake.events import events_query
from flybill_pipeline.stores.usage.intake.moments import form_of
from flybill_pipeline.stores.usage.intake.reading import Reading
from flybill_pipeline.stores.usage.intake.scaling import SCALING_MACROS
from flybill_pipeline.stores.usage.intake.sources import SourceMapping
from flybill_pipeline.stores.usage.intake.times import TIME_MACROS
from flybill_pipeline.stores.usage.intake.values import NUMBER_MACROS

MACROS = ID_MACROS + NUMBER_MACROS + SCALING_MACROS + TIME_MACROS
"""What DuckDB must know before it can judge."""

CLOCKS_MAY_DIFFER = timedelta(hours=24)
TOO_LARGE = "1000000000000000::DECIMAL(38, 18)"  # so that a day's sum fits: one org's mistake must not stop the others
SHOWN = 1000  # characters of a bad row that are kept
QUOTE = '"'
LEFT_OUT = "left_out"
"""What stands in the place of a fault in a row that is no usage, as `where` of its source says."""
MALFORMED = "malformed_"
"""How the reason of a row begins that the reader of a format sets aside."""

REASONS = {
    "not_a_record": "the line, or what `records` leads to, is not a JSON object and nothing more, such as a comma; nor"
    " a list where `records` says []; or a document has nothing where `records` begins; or a text has half of a"
    " character, such as \\ud83d alone",
    "key_twice": "the line has a key twice that the mapping reads, and nobody can tell which one counts: leave one out",
    "event_id_missing": "the row has no event id ({event_id})",
    "event_id_cut": "the event id ({event_id}), or a part of it, is written as 1.23457E+15, which a spreadsheet or a"
    " double makes of many ids: export it as text, with all digits",
    "org_missing": "the row names no organization ({org_id})",
    "meter_missing": "the row names no meter ({meter})",
    "quantity_missing": "the row has no quantity ({quantity}){unended}",
    "quantity_not_a_number": "the quantity ({quantity}) is not a number, such as 12.5, or no word of its `map`{marks}",
    "quantity_not_finite": "the quantity ({quantity}) is NaN or infinite",
    "quantity_too_precise": "the quantity ({quantity}) has more than 18 decimals, and is rounded only where its mapping"
    " has `round`",
    "quantity_too_large": "the quantity ({quantity}) is 1e15 or more: record it in a larger unit, such as GB for"
    " bytes, or say `divide_by` in its mapping",
    "quantity_ambiguous": "the exact quantity ({quantity}) cannot be told from the line: write it as a string",
    "interval_reversed": "the interval ({quantity}) ends before it begins",
    "quantity_negative": "the quantity ({quantity}) is negative, which this source does not allow",
    "time_missing": "the row has no time ({occurred_at})",
    "time_unreadable": "the time ({occurred_at}) is not {form}{blanks}",
    "time_ambiguous": "the exact time ({occurred_at}) cannot be told from the line: write it as a string",
    "nul": "an id, the meter or a dimension holds a NUL character, which no database can keep: leave it out",
    "too_long": "an id or the meter has more than {longest_id} characters, or a dimension more than"
    " {longest_dimension}: shorten it, or name several columns as event_id, then a hash of them is kept",
    OF_A_CLOCK: "the time ({occurred_at}) is before {first} or after {last}: the clock that wrote it was wrong{unit},"
    " or FLYBILL_FIRST_MONTH is too late, or the clock of the machine that read it was behind: then land the file again"
    " with --replace",
    "malformed_missing_columns": "the row has fewer columns than the header: it may be cut, so write it whole. Where"
    " only empty columns at the end are left out, `null_padding = true` in `csv` of the source reads it",
    "malformed_too_many_columns": "the row has more columns than the header: put a text that holds the delimiter in"
    " quotes, or name all columns in `header` of `csv`. More names do no harm beside `null_padding = true`",
    "malformed_unquoted_value": "the row has a quote where none may stand: double each quote within a quoted text."
    " Where a backslash stands before it, as Spark and MySQL write, say `escape` of `csv`. Or read each line as one"
    " column, which `sql` takes apart",
    "malformed_invalid_encoding": "the row is no text in UTF-8: export it so{encoding}",
    "malformed_line_size_over_maximum": "the line has more than 16 MiB: nobody reads so long a row",
}
"""Those of rows that the reader of a format sets aside are named by `set_aside_rows`."""
_MARKS = (
    '; `decimal` and `thousands` of `csv` name other marks, such as "\\u00a0" or "\\u202f" where a blank does not'
    " break, `trim` takes blanks away"
)


def judging_query(
    rows: str, reading: Reading, source: SourceMapping, arrived_at: datetime, first_day: date = FIRST_DAY
) -> str:
    """A query with one row per record of `rows`, a FROM item with the columns of the reading's relation.

    Columns: event_id, org_id, meter, dimensions (canonical JSON), quantity DECIMAL(38,18), occurred_at TIMESTAMP (UTC),
    fault (a key of REASONS, LEFT_OUT, NULL for a good row), raw (of bad rows only), and those of `rows`. A filter on
    them makes DuckDB judge every row twice.
    """
    between = believed(arrived_at, first_day)
    values = f"""select *, {canonical_dimensions(list(reading.dimensions))} as dimensions
        from ({events_query(rows, reading, between)})"""
    judged = f"select *, {_fault(reading, source, between)} as fault from ({values})"
    # A bad row is made presentable last of all, so that the good ones do not pay for it.
    shown = "fault is not null" if not source.sifted else f"fault is not null and fault <> {quoted(LEFT_OUT)}"
    return f"""select *, case when {shown} then left({reading.rows.raw}, {SHOWN}) end as raw from ({judged})"""


def believed(arrived_at: datetime, first_day: date) -> tuple[str, str]:
    """SQL for the first and the last time that is believed of a file."""
    latest = (arrived_at.astimezone(UTC) + CLOCKS_MAY_DIFFER).replace(tzinfo=None)
    return f"timestamp '{first_day}'", f"timestamp {quoted(str(latest))}"


def sentences(source: SourceMapping, arrived_at: datetime, first_day: date = FIRST_DAY) -> dict[str, str]:
    """Reason → sentence for the operator, with the names of this source's columns."""
    quantities = dict.fromkeys(part.quantity.described() for part in source.parts)
    timed = [source.occurred_at] if source.timed else [part.quantity for part in source.parts]
    ends = [end for column in timed for end in column.interval or (column,)]
    csv = source.format == "csv"
    columns = {
        "event_id": " + ".join(column.described() for column in source.event_id or ()),
        "org_id": source.org_id.described(),
        "meter": source.parts[0].meter.described(),
        "quantity": ", ".join(quantities),
        "occurred_at": ", ".join(dict.fromkeys(column.described() for column in timed)),
        "unended": "".join(dict.fromkeys(_unended(part.quantity) for part in source.parts)),
        "form": ", or not ".join(dict.fromkeys(map(form_of, ends))),
        "unit": ", `unit` of the mapping is another" * any(column.unit for column in ends),
        "marks": _MARKS * csv,
        "encoding": ", or say its `encoding` in `csv` of the source" * csv,
        "blanks": "; `trim` of `csv` takes blanks away" * csv,
        "first": first_day.isoformat(),
        "last": f"{arrived_at + CLOCKS_MAY_DIFFER:%Y-%m-%d %H:%M} UTC",
        "longest_id": f"{LONGEST_ID:,}",
        "longest_dimension": f"{LONGEST_DIMENSION:,}",
    }
    return {reason: sentence.format(**columns) for reason, sentence in REASONS.items()}


def _unended(quantity: Column) -> str:
    """What is to be done of a row whose interval is still open."""
    if quantity.interval is None:
        return ""
    end = quantity.interval[1].name
    left_out = f" or leave it out until then: where = {{ {json.dumps(end)} = {{ present = true }} }}" if end else ""
    return ": its interval has not ended, so land the row again once it has" + (left_out and "," + left_out)


def set_aside_rows() -> str:
    """A query of the rows that the reader of a format has set aside: row, reason and raw.

    DuckDB tells of each column that is too many. A row is named once, with the first fault in it; of a line that is too
    long DuckDB names no column.
    """
    error_type = "coalesce(arg_min(error_type, column_idx), any_value(error_type))"
    reason = f"'{MALFORMED}' || lower(replace({error_type}::varchar, ' ', '_'))"
    raw = f"left(trim(any_value(csv_line), chr(13) || chr(10)), {SHOWN})"
    return f"select line::bigint as row, {reason} as reason, {raw} as raw from rejects group by line"


def set_aside_words(reason: str) -> str:
    """SQL for the sentence of such a row, where REASONS has none; `reason` is SQL."""
    return f"'the row does not fit the format: ' || replace({reason}[{len(MALFORMED) + 1}:], '_', ' ')"


def _fault(reading: Reading, source: SourceMapping, between: tuple[str, str]) -> str:
    negative = "" if source.allow_negative else "when quantity < 0 then 'quantity_negative'"
    exact = reading.simple and reading.parts[0].exact
    quantity_fault = "'quantity_missing'" if exact else "quantity_fault(q)"
    time_fault = "'time_missing'" if reading.timed and reading.simple else "time_fault(t)"
    left_out = f"when left_out then {quoted(LEFT_OUT)}" if source.sifted else ""
    first, last = between
    return f"""case when malformed then 'not_a_record' {left_out}
        when {reading.rows.doubled} then 'key_twice'
        when event_id is null or event_id = '' then 'event_id_missing'
        when org_id is null or (org_id < '!' and trim(org_id) = '') then 'org_missing'
        when meter is null or (meter < '!' and trim(meter) = '') then 'meter_missing'
        when quantity is null then {quantity_fault} {negative}
        when quantity >= {TOO_LARGE} or quantity <= -{TOO_LARGE} then 'quantity_too_large'
        when occurred_at is null then {time_fault}
        when occurred_at < {first} or occurred_at > {last}
        then {quoted(OF_A_CLOCK)} {_text_faults(len(reading.dimensions))} end"""


def _text_faults(dimensions: int) -> str:
    """Asked last, of rows that are good otherwise."""
    longest = _longest(dimensions)
    return f"""when {_holds_nul(longest)} then 'nul' when {_is_too_long(longest)} then 'too_long'
        when {is_cut("event_id")} then 'event_id_cut'"""


def no_good_text(dimensions: int, clean: Collection[str] = ()) -> str:
    """SQL, true where an id, the meter or a dimension cannot be kept, or the event id is cut; NULL where one is absent.

    Of `clean` ones it is known that they hold no NUL.
    """
    longest = _longest(dimensions)
    asked = [text for text in longest if text not in clean]
    return f"({_holds_nul(asked) or 'false'} or {_is_too_long(longest)} or {is_cut('event_id')})"


def _longest(dimensions: int) -> dict[str, int]:
    longest = {"event_id": LONGEST_ID, "org_id": LONGEST_ID, "meter": LONGEST_ID}
    return longest | {f"d{place}": LONGEST_DIMENSION for place in range(dimensions)}


def _holds_nul(texts: Iterable[str]) -> str:
    return " or ".join(f"{text} like '%' || chr(0) || '%'" for text in texts)


def _is_too_long(longest: Mapping[str, int]) -> str:
    """A text's bytes are known, its characters have to be counted."""
    return " or ".join(f"(strlen({text}) > {most} and length({text}) > {most})" for text, most in longest.items())


def canonical_dimensions(names: list[str], clean: Collection[str] = ()) -> str:
    """SQL for the dimensions as JSON with sorted keys, string values and no blanks; absent ones are left out.

    Of `clean` ones (d0, …) it is known that they stand in JSON as they are.
    """
    if not names:
        return "'{}'"
    pairs = [_pair(name, f"d{place}", f"d{place}" in clean) for place, name in enumerate(names)]
    # One pair is the common case, and joining takes as long as making it.
    joined = pairs[0] if len(pairs) == 1 else f"concat_ws(',', {', '.join(pairs)})"
    return f"concat('{{', {joined}, '}}')"


def _pair(name: str, text: str, clean: bool) -> str:
    if clean:
        return f"{quoted(_key(name) + QUOTE)} || {text} || {quoted(QUOTE)}"
    return f"{quoted(_key(name))} || cast(to_json({text}) as varchar)"


def _key(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '":'

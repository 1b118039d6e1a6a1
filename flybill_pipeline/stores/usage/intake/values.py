"""SQL that turns the text of a usage file into exact decimals, or says why it cannot. Times are in times.py.

DuckDB's own casts are too kind for money. '1_000' and ' 1 ' are numbers to them, and surplus decimals are rounded away
without a word. A JSON number has been through a binary float before anyone sees it. So a cast is only used on a
text that a regular expression has shown to be plain, and everything else is taken apart digit by digit.
"""

import json
import re
from collections.abc import Sequence

from flybill_pipeline.stores.files.duck import quoted
from flybill_pipeline.stores.usage.intake.columns import Step, steps_of

QUANTITY = "DECIMAL(38, 18)"
PLAIN = r"-?[0-9]{1,20}(\.[0-9]{1,18})?"
NUMBER = r"([+-]?)([0-9]*)\.?([0-9]*)(?:[eE]([+-]?[0-9]{1,4}))?"
HAS_DIGIT = r"[+-]?\.?[0-9].*"
REVERSED = "(ends before it begins)"  # stands in the place of the seconds of such an interval
NOT_FINITE = r"(?i)[+-]?(nan|inf|infinity)"

NUMBER_MACROS = f"""
create or replace macro is_number(t) as
    regexp_full_match(t, {quoted(NUMBER)}) and regexp_full_match(t, {quoted(HAS_DIGIT)});

-- A number is `digits`, without zeros at either end, times ten to the power of `low`.
-- A macro is a text that is put in wherever its name stands; a lambda has a long one put in only once. Without them
-- DuckDB would plan hundreds of regular expressions for each file, which takes longer than to read a small one.
create or replace macro number_of(t) as
    list_transform([regexp_extract(t, {quoted(NUMBER)}, ['sign', 'whole', 'decimals', 'power'])], lambda n:
        list_transform([ltrim(n.whole || n.decimals, '0')], lambda digits: {{
            'sign': n.sign,
            'digits': rtrim(digits, '0'),
            'low': coalesce(try_cast(n.power as integer), 0)
                   - length(n.decimals) + length(digits) - length(rtrim(digits, '0'))
        }})[1])[1];
create or replace macro lead_zeros(digits, low) as lpad(digits, greatest(length(digits), -low)::integer, '0');
create or replace macro plain(n) as
    case when n.low >= 0 then n.digits || repeat('0', n.low::bigint)
         else left(lead_zeros(n.digits, n.low), (length(lead_zeros(n.digits, n.low)) + n.low)::bigint)
              || '.' || right(lead_zeros(n.digits, n.low), -n.low::bigint) end;
create or replace macro plain_number(t) as list_transform([number_of(t)], lambda n: plain(n))[1];
create or replace macro exact(n) as
    case when n.digits = '' then 0::{QUANTITY}
         when n.low < -18 or length(n.digits) + n.low > 20 then null
         else try_cast(n.sign || plain(n) as {QUANTITY}) end;
create or replace macro exact_quantity(t) as
    case when is_number(t) then list_transform([number_of(t)], lambda n: exact(n))[1] end;

create or replace macro plain_quantity(t) as
    case when regexp_full_match(t, {quoted(PLAIN)}) then try_cast(t as {QUANTITY}) end;
-- The same for a number of JSON, which has no blanks and no marks between its digits.
create or replace macro plain_json_quantity(t) as
    case when strlen(t) < 20 and not contains(t, 'e') then try_cast(t as {QUANTITY}) else plain_quantity(t) end;
create or replace macro quantity_of(t) as
    case when regexp_full_match(t, {quoted(PLAIN)}) then try_cast(t as {QUANTITY}) else exact_quantity(t) end;
create or replace macro quantity_fault(t) as
    case when t is null or t = '' then 'quantity_missing'
         when starts_with(t, '?') then 'quantity_ambiguous'
         when t = {quoted(REVERSED)} then 'interval_reversed'
         when regexp_full_match(t, {quoted(NOT_FINITE)}) then 'quantity_not_finite'
         when not is_number(t) then 'quantity_not_a_number'
         when number_of(t).low < -18 then 'quantity_too_precise' else 'quantity_too_large' end;
"""


def json_path(dotted: str) -> str:
    """The JSON path of a path of keys, every one taken literally."""
    return path_at(path_of(dotted))


def path_of(dotted: str) -> tuple[str, ...]:
    """The keys of a path, from the outside in."""
    return tuple(step.key or "" for step in steps_of(dotted))


def path_at(keys: tuple[str, ...]) -> str:
    """The JSON path of these keys."""
    return "$" + "".join(f'."{key}"' for key in keys)


def in_json(text: str, steps: Sequence[Step]) -> str:
    """SQL for what a path leads to within a text of JSON, itself a text. Fails where the text is none."""
    path = "$"
    for step in steps:
        if step.has is None:
            path += f'."{step.key}"' if step.key else f"[{step.place}]"
            continue
        key, wanted = step.has
        is_it = f"json_extract_string(each, {quoted(path_at((key,)))}) = {quoted(wanted)}"
        text = f"list_filter(json_extract({text}, {quoted(path + '[*]')}), lambda each: {is_it})[1]"
        path = "$"
    return f"json_extract_string({text}, {quoted(path)})"


def json_value(text: str, path: str, role: str) -> str:
    """SQL for what a path leads to within a text of JSON; NULL where the text is none. As anything but a plain `text`
    its digits are proven.
    """
    value = f"try({in_json(text, steps_of(path))})"
    if role == "text":
        return value
    return (exact_json_text if role == "identity" else exact_json_number)(text, value, path)


def exact_json_number(line: str, value: str, dotted: str) -> str:
    """SQL for the literal behind `value`, which DuckDB has extracted from the JSON text `line` at `dotted`.

    A literal with a point or an exponent has been through a double. It is known to be intact when the line holds the
    key once, followed by just this text, or by one that only has more zeros at its end. Otherwise the literals at this
    key are compared: the one whose double is `value` is it. Several such, or none, and the answer is '?', for then
    nothing is certain.
    """
    key = steps_of(dotted)[-1].key or ""
    name = json.dumps(key, ensure_ascii=False)
    around = [(":", ","), (":", "}"), (": ", ","), (": ", "}"), (':"', '"'), (': "', '"')]
    # A CASE, as it looks further only for those rows that need it; OR would look for all six in every row.
    intact = " ".join(
        f"when contains({line}, concat({quoted(name + before)}, {value}, {quoted(after)})) then true"
        for before, after in around
    )
    twice = quoted(f"%{like(name)}%{like(name)}%")
    once = rf"not contains({line}, '\u00') and {line} not like {twice} escape '!'"
    keys = "|".join(dict.fromkeys([re.escape(name), re.escape(json.dumps(key))]))
    pattern = rf'(?:{keys})\s*:\s*"?([^\s",}}\]]+)'
    literal = f"regexp_extract({line}, {quoted(pattern)}, 1)"
    fewer_zeros = f"not contains({value}, 'e') and rtrim({value}, '0') = rtrim({literal}, '0')"
    literals = f"regexp_extract_all({line}, {quoted(pattern)}, 1)"
    same = f"list_distinct(list_filter({literals}, lambda l: try_cast(l as double) = try_cast({value} as double)))"
    return f"""case when not contains({value}, '.') and not contains({value}, 'e') then {value}
        when case {intact} else {fewer_zeros} end and {once} then {value}
        when try_cast({value} as double) is null then {_unrounded(line, value, dotted)}
        when len({same}) = 1 then {same}[1] else '?' end"""


def exact_json_text(line: str, value: str, dotted: str) -> str:
    """SQL for an identifier in JSON: a number too long for 64 bits would otherwise meet another one as a double."""
    # Digits and signs sort before ':'; the comparison is all that most rows pay.
    number = f"{value} < ':' and (contains({value}, '.') or contains({value}, 'e+'))"
    exact = exact_json_number(line, value, dotted)
    nested = f"starts_with({value}, '[') or starts_with({value}, '{{')"
    return f"""case when {number} and try_cast({value} as double) is not null then nullif({exact}, '?')
        when {nested} then {_unrounded(line, value, dotted)} else {value} end"""


def _unrounded(line: str, value: str, dotted: str) -> str:
    """SQL for a text of JSON as it is; for a list or an object NULL, where DuckDB may have rounded a number in it.

    It writes them again: without blanks, and each fraction as that of a double. A text in JSON has its own digits.
    """

    def bare(text: str) -> str:
        without_zeros = rf"regexp_replace({text}, '(\.[0-9]*[1-9]|\.0)0+([^0-9])', '\1\2', 'g')"
        return rf"regexp_replace({without_zeros}, '\s', '', 'g')"

    keys = all(step.key for step in steps_of(dotted))
    is_text = f"coalesce(try(json_type({line}, {quoted(json_path(dotted))})) = 'VARCHAR', false)" if keys else "false"
    return rf"""case when not regexp_matches({value}, '^\s*[\[{{]') or not regexp_matches({value}, '[0-9][.eE]')
        then {value} when contains({line}, {value}) or {is_text} or contains({bare(line)}, {bare(value)})
        then {value} end"""


def like(text: str) -> str:
    """The text in a pattern of LIKE, with `!` as its escape."""
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")

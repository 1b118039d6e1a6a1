"""SQL for what a mapping does with a number: words, marks of a language, factors, rounding. Exact, in whole numbers.

DuckDB divides decimals as doubles, and a product of two has more digits than fit. So a number is its digits times a
power of ten here, and the result is text again, which values.py reads. What cannot be told exactly is refused there.
"""

import re
from collections.abc import Mapping
from decimal import Decimal

from flybill_pipeline.stores.files.duck import quoted
from flybill_pipeline.stores.usage.intake.columns import Dialect
from flybill_pipeline.stores.usage.intake.values import NUMBER

_NOT_EXACT = "'0.0000000000000000001'"  # has 19 decimals, so it is refused as too precise
_NOT_KEPT = "'1e99'"
_NO_WORD = "'(none of `map`)'"

_PARTS = "['sign', 'whole', 'fraction', 'power']"

SCALING_MACROS = f"""
create or replace macro ten_to(n) as ('1' || repeat('0', n::bigint))::hugeint;

-- A number is n times ten to the power of e. A lambda has a long expression put in only once.
create or replace macro factor_of(t) as
    list_transform([regexp_extract(t, {quoted(NUMBER)}, {_PARTS})], lambda p: {{
        'n': (p.sign || '0' || p.whole || rtrim(p.fraction, '0'))::hugeint,
        'e': coalesce(try_cast(p.power as integer), 0) - length(rtrim(p.fraction, '0'))}})[1];

-- n / q times ten to the power of x: whole units, what is left of the division, and what it was divided by.
create or replace macro divided(n, q, x) as
    case when x < -38 then {{'units': 0::hugeint, 'rest': n, 'base': null::hugeint}}
         when x < 0 then {{'units': n // (q * ten_to(-x)), 'rest': n % (q * ten_to(-x)), 'base': q * ten_to(-x)}}
         else {{'units': (n // q) * ten_to(x) + ((n % q) * ten_to(x)) // q, 'rest': ((n % q) * ten_to(x)) % q,
                'base': q}} end;
-- Half away from zero. What is divided by more than ten to the power of 38 is less than half of it.
create or replace macro one_more(d) as
    case when abs(d.rest) >= abs(d.base) - abs(d.rest) then case when (d.rest < 0) = (d.base < 0) then 1 else -1 end
         else 0 end;
create or replace macro with_point(n, decimals) as
    case when n < 0 then '-' else '' end || case when decimals = 0 then abs(n)::varchar
        else regexp_replace(lpad(abs(n)::varchar, greatest(length(abs(n)::varchar), decimals + 1)::integer, '0'),
                            '(.{{' || decimals || '}})$', '.\\1') end;
create or replace macro micros_as_seconds(n) as with_point(n, 6);
create or replace macro scaled_number(t, times, divisor, decimals, rounded) as
    coalesce(try(list_transform([{{'t': factor_of(t), 'times': times, 'divisor': divisor}}], lambda f:
        list_transform([divided(f.t.n * f.times.n, f.divisor.n, f.t.e + f.times.e - f.divisor.e + decimals)],
        lambda d: case when d.rest = 0 then with_point(d.units, decimals)
            when rounded then with_point(d.units + one_more(d), decimals) else {_NOT_EXACT} end)[1])[1]),
        {_NOT_KEPT});
"""


def scaled(text: str, factors: tuple[str, str], decimals: int | None) -> str:
    """SQL for the text of a number, multiplied by the first and divided by the second factor.

    It is rounded to `decimals` where they are given. Factors are SQL too: a number in quotes, or a text.
    """
    times, divisor = (_factor(each) for each in factors)
    number = (
        f"scaled_number({text}, {times}, {divisor}, {18 if decimals is None else decimals}, {decimals is not None})"
    )
    checked = [each for each in factors if _known(each) is None]
    faulty = "".join(f" when {each} is null or not is_number({each}) then {each}" for each in checked)
    zero = f" when {divisor}.n = 0 then '(divided by 0)'" if factors[1] in checked else ""
    return f"case when {text} is null or not is_number({text}) then {text}{faulty}{zero} else {number} end"


def _known(factor: str) -> Decimal | None:
    return Decimal(factor[1:-1]) if re.fullmatch(r"'-?[0-9]+(\.[0-9]+)?'", factor) else None


def _factor(sql: str) -> str:
    number = _known(sql)
    if number is None:
        return f"factor_of({sql})"
    power = int(number.as_tuple().exponent)
    return f"{{'n': {int(number.scaleb(-power))}::hugeint, 'e': {power}}}"


def in_words(text: str, words: Mapping[str, str], *, strict: bool) -> str:
    """SQL for what a text stands for; one that is no word stays as it is, or is refused as a number where `strict`."""
    cases = " ".join(f"when {quoted(word)} then {quoted(meaning)}" for word, meaning in words.items())
    otherwise = f"case when {text} is not null then {_NO_WORD} end" if strict else text
    return f"case {text} {cases} else {otherwise} end"


def plain_marks(text: str, dialect: Dialect) -> str:
    """SQL for a number of this dialect with a point before its fraction and no mark between thousands.

    Marks that are not where they should be make it no number: `1.23,4` or, with a comma before fractions, `1.5`.
    """
    if dialect.thousands:
        between, before = (re.escape(mark) for mark in (dialect.thousands, dialect.decimal))
        grouped = quoted(f"[+-]?[0-9]{{1,3}}({between}[0-9]{{3}})+({before}[0-9]+)?")
        without = f"replace({text}, {quoted(dialect.thousands)}, '')"
        text = f"case when regexp_full_match({text}, {grouped}) then {without} else {text} end"
    if dialect.decimal == ".":
        return text
    return f"case when contains({text}, '.') then {text} || ' (has a point)' else replace({text}, ',', '.') end"

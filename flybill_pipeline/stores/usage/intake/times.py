"""SQL that turns the text of a time, or a Parquet timestamp, into a UTC time of whole microseconds, cut, never rounded.

Every step is one of integers or digits: a number with a fraction that went through a double, or a cast that rounds,
would move the last microsecond of a month into the next one. Not here: which times are believed (judging.py).
"""

from flybill_pipeline.stores.files.duck import quoted
from flybill_pipeline.stores.usage.intake.values import exact_json_number

_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?"
_OFFSET = "([+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?|UTC)"  # as RFC 3339 has it; DuckDB would take +99:00 too
ISO_UTC = f"{_DATE}([T ]{_CLOCK}Z?)?"
ISO_LOCAL = f"{_DATE}([T ]{_CLOCK})?"
ISO_OFFSET = f"{_DATE}[T ]{_CLOCK}( UTC|{_OFFSET})"
# Small letters, which RFC 3339 allows; a blank before the offset; what Go writes: +0000 UTC.
ISO_LOOSE = f"(?i){_DATE}[T ]{_CLOCK} ?(Z|{_OFFSET}|[+-][0-2][0-9][0-5][0-9] UTC)"
PLAIN_UTC = "____-__-__T__:__:__%Z"  # what most exporters write, told without a regular expression
WHOLE = "[0-9]{1,18}"
EPOCH = r"[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,4})?"
FIRST_MICROS, LAST_MICROS = -62_135_596_800_000_000, 253_402_300_799_999_999  # years 1 to 9999, which Python can hold

TIME_MACROS = f"""
-- Seconds since 1970 stay below 1e11 until the year 5138; a larger number is one of ms, then µs, then ns.
create or replace macro micros_of_parts(whole, fraction) as
    case when whole < 100000000000 then whole * 1000000 + rpad(left(fraction, 6), 6, '0')::bigint
         when whole < 100000000000000 then whole * 1000 + rpad(left(fraction, 3), 3, '0')::bigint
         when whole < 100000000000000000 then whole else whole // 1000 end;
-- A macro is a text that is put in wherever its name stands; a lambda has a long one put in only once.
create or replace macro micros_of_plain(t) as
    list_transform([coalesce(try_cast(split_part(t, '.', 1) as bigint), 9223372036854775807)], lambda whole:
        micros_of_parts(whole, split_part(t, '.', 2)))[1];
create or replace macro micros_of_epoch(t) as
    case when regexp_full_match(t, {quoted(WHOLE)}) then micros_of_parts(t::bigint, '')
         else list_transform([plain_number(t)], lambda plain: micros_of_plain(plain))[1] end;

-- A number that counts units of `factor` microseconds, which have `decimals` decimals of their own.
create or replace macro unit_micros(t, factor, decimals) as
    case when regexp_full_match(t, {quoted(EPOCH)}) then list_transform([plain_number(t)], lambda plain:
        try(('0' || split_part(plain, '.', 1))::hugeint * factor
            + ('0' || rpad(left(split_part(plain, '.', 2), decimals), decimals, '0'))::hugeint))[1] end;

create or replace macro time_of_micros(n) as
    case when n is not null then make_timestamp(greatest(least(n, {LAST_MICROS}), {FIRST_MICROS})::bigint) end;
create or replace macro time_of_utc(t) as try_cast(t as timestamp);
create or replace macro time_of_offset(t) as try_cast(t as timestamptz) at time zone 'UTC';
create or replace macro time_of(t) as
    case when t like {quoted(PLAIN_UTC)} and not contains(t, ' ') then time_of_utc(t)
         when regexp_full_match(t, {quoted(ISO_UTC)}) then time_of_utc(t)
         when regexp_full_match(t, {quoted(EPOCH)}) then
            list_transform([micros_of_epoch(t)], lambda micros: time_of_micros(micros))[1]
         when regexp_full_match(t, {quoted(ISO_OFFSET)}) then time_of_offset(t)
         when regexp_full_match(t, {quoted(ISO_LOOSE)}) then time_of_offset(
            regexp_replace(replace(regexp_replace(upper(t), '([0-9]) UTC$', '\\1'), 'Z', '+00'), ' ([+-])', '\\1')) end;
-- The same for the times that most exporters write, at a fraction of what it takes to plan; NULL of all others.
-- What DuckDB writes of the time as it stands there was read to the last digit.
create or replace macro plain_time(t) as
    case when t like {quoted(PLAIN_UTC)} and not contains(t, ' ') then time_of_utc(t)
         when contains(t, ' ') and cast(time_of_utc(t) as varchar) = t then time_of_utc(t)
         when regexp_full_match(t, {quoted(ISO_UTC)}) then time_of_utc(t)
         when regexp_full_match(t, {quoted(WHOLE)}) then time_of_micros(micros_of_parts(t::bigint, ''))
         when regexp_full_match(t, {quoted(ISO_OFFSET)}) then time_of_offset(t) end;
create or replace macro time_fault(t) as
    case when t is null then 'time_missing' when starts_with(t, '?') then 'time_ambiguous' else 'time_unreadable' end;
"""


def exact_json_time(line: str, value: str, dotted: str) -> str:
    """SQL for a time in JSON: a number with a fraction or an exponent has been through a double, a text has not."""
    return f"case when contains({value}, ':') then {value} else {exact_json_number(line, value, dotted)} end"


def parquet_micros(column: str, kind: str) -> str | None:
    """SQL for the microseconds since 1970 of a Parquet column of this type of DuckDB's; None if it is no time.

    Nanoseconds are divided as integers: a cast rounds them, and DuckDB has none for those with a time zone.
    """
    if kind in ("TIMESTAMP_NS", "TIMESTAMPTZ_NS"):
        return f"epoch_ns({column}) // 1000 - (epoch_ns({column}) % 1000 < 0)::bigint"
    if kind.startswith("TIMESTAMP"):
        return f"epoch_us({column})"
    if kind == "DATE":
        return f"date_diff('day', date '1970-01-01', {column})::hugeint * 86400000000"
    return None

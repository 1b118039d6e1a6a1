"""The SQL that makes usage events of rows: one of each row, or one for each meter that it tells of and each day.

An interval becomes an event for each UTC day that it touches, at the time at which it begins on that day.
"""

# ruff: noqa: S608 - DuckDB takes no parameters for files and columns; whatever comes from outside is quoted

from flybill_pipeline.stores.files.duck import quoted
from flybill_pipeline.stores.usage.intake.reading import Part, Reading
from flybill_pipeline.stores.usage.intake.values import REVERSED

_DAY = 86_400_000_000  # microseconds
_NOTHING = "{'meter': null, 'q': null, 't': null, 'at': null, 'key': null}"


def events_query(rows: str, reading: Reading, between: tuple[str, str], number: str = "quantity_of(q)") -> str:
    """A query with one row per event of `rows`, a FROM item with the columns of the reading's relation.

    Columns: event_id, org_id, meter, d0…, quantity DECIMAL(38,18), occurred_at TIMESTAMP (UTC), malformed, left_out,
    q and t (what quantity and time were made of), and those of `rows`. Both are NULL where they cannot be made.
    An interval outside of `between`, two times as SQL, is not split. `number` makes a quantity of the text `q` of rows
    that are one event each.
    """
    taken = f"select {reading.rows.taken_out} from {rows} where not ({reading.rows.not_a_row})"
    heads = f"""*, {reading.event_id} as event_id, {reading.org_id} as org_id, ({reading.rows.malformed}) as malformed,
        ({reading.left_out}) as left_out{_dimensions(reading)}"""
    if reading.simple:
        return _one_each(taken, heads, reading, number)
    prepared = f"select *, {reading.time} as moment from (select {heads}, {_prepared(reading)} from ({taken}))"
    return f"""select * exclude (event_id, e), event_id || e.key as event_id, e.meter as meter, e.q as q, e.t as t,
        quantity_of(e.q) as quantity, e.at as occurred_at
        from (select * exclude (t, moment), unnest(case when malformed or left_out then [{_NOTHING}]
              else {_told(reading, between)} end) as e from ({prepared}))"""


def _one_each(taken: str, heads: str, reading: Reading, number: str) -> str:
    part = reading.parts[0]
    quantity = "q" if part.exact else number
    return f"""select *, {quantity} as quantity, {reading.time} as occurred_at
        from (select {heads}, {part.meter} as meter, {part.quantity} as q, {reading.occurred_at} as t from ({taken}))"""


def _dimensions(reading: Reading) -> str:
    return "".join(f", {sql} as d{place}" for place, sql in enumerate(reading.dimensions.values()))


def _prepared(reading: Reading) -> str:
    """A select list of what the parts are put together from, so that each expression is worked out once."""
    columns = [f"{reading.occurred_at} as t"]
    for place, part in enumerate(reading.parts):
        columns.append(f"{part.meter} as m{place}")
        if part.begins:
            columns += [f"{part.begins} as begins{place}", f"{part.ends} as ends{place}"]
            columns += [f"{part.begins_text} as begins_text{place}", f"{part.ends_text} as ends_text{place}"]
        else:
            columns.append(f"cast({part.quantity} as varchar) as q{place}")
    return ", ".join(columns)


def _told(reading: Reading, between: tuple[str, str]) -> str:
    """SQL for the list of what a row tells of. A meter without a quantity is not told of, unless none has one."""
    if len(reading.parts) == 1:
        return _interval(reading.parts[0], "''", 0, between)
    lists = []
    for place, part in enumerate(reading.parts):
        key = f"'#' || m{place}{_nth(reading.parts, place)}"
        if part.begins:
            absent = f"begins_text{place} is null or ends_text{place} is null"
            lists.append(f"case when {absent} then [] else {_interval(part, key, place, between)} end")
        else:
            told = f"{{'meter': m{place}, 'q': q{place}, 't': t::varchar, 'at': moment, 'key': {key}}}"
            lists.append(f"case when q{place} is null or q{place} = '' then [] else [{told}] end")
    nothing = "{'meter': m0, 'q': null, 't': t::varchar, 'at': moment, 'key': ''}"
    told = "list_concat(" * (len(lists) - 1) + lists[0] + "".join(f", {each})" for each in lists[1:])
    return f"list_transform([{told}], lambda told: case when len(told) = 0 then [{nothing}] else told end)[1]"


def _nth(parts: tuple[Part, ...], place: int) -> str:
    """What tells measures of one meter apart: the second has a number."""
    same = [part.meter for part in parts[:place]].count(parts[place].meter)
    return f" || '#{same + 1}'" if same else ""


def _interval(part: Part, key: str, place: int, between: tuple[str, str]) -> str:
    """SQL for the list of an interval's days; of one that cannot be split, what is wrong with it."""
    begins, ends = f"begins{place}", f"ends{place}"
    first, last = between
    told = f"'meter': m{place}, "
    whole = f"[{{{told}'q': %s, 't': %s, 'at': %s, 'key': {key}}}]"
    from_, to = f"greatest(x.a, d * {_DAY})", f"least(x.b, (d + 1) * {_DAY})"
    seconds = f"micros_as_seconds({to} - {from_})"
    days = f"""list_transform([{{'a': epoch_us({begins}), 'b': epoch_us({ends})}}], lambda x:
        list_transform(generate_series(x.a // {_DAY}, greatest(x.a, x.b - 1) // {_DAY}), lambda d: {{
            {told}'q': {part.scaled(seconds)}, 't': begins_text{place}, 'at': make_timestamp({from_}),
            'key': {key} || '#' || strftime(make_timestamp({from_}), '%Y-%m-%d')}}))[1]"""
    return f"""case when {begins} is null then {whole % ("'0'", f"begins_text{place}", "null")}
        when ends_text{place} is null then {whole % ("null", f"begins_text{place}", begins)}
        when {ends} is null then {whole % ("'0'", f"ends_text{place}", "null")}
        when {begins} > {ends} then {whole % (quoted(REVERSED), f"begins_text{place}", begins)}
        when {begins} < {first} then {whole % ("'0'", f"begins_text{place}", begins)}
        when {ends} > {last} then {whole % ("'0'", f"ends_text{place}", ends)}
        else {days} end"""

"""Opens an engine through Ibis, to read only, and finds the table or query in it. What is asked there: rollup.py.

No address is ever shown: it may hold a password.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import ibis
import pyarrow as pa
from ibis.common.exceptions import TableNotFound

from flybill_pipeline.billing.usage.tables import NotPulledError
from flybill_pipeline.stores.usage.engines.spark_session import spark_session
from flybill_pipeline.stores.usage.intake.table_fields import ENGINES, UNREADABLE, UsageTable, is_readable

WAIT_SECONDS = 10
LOCKED_SECONDS = 60
"""A table is not looked at for so long while somebody has it to themselves, such as to change its columns."""
BATCH = 100_000
SECRET = re.compile(r"(?i)pass|pwd|token|secret|key|cred|auth|sign")
"""Is in the name of a parameter whose value is told nobody. Of the others a driver may say what is wrong with it."""
ROW_SECURITY = "-c row_security=off"
"""A policy that would hide rows from this login is an error of Postgres', not an answer without them."""
_OVERFLOWS = ("distinct", "group_by", "join", "read", "result", "set", "sort", "timeout", "transfer")
SESSIONS: Mapping[str, Mapping[str, Any]] = {
    "duckdb": {"read_only": True},
    "postgres": {
        "options": f"-c default_transaction_read_only=on -c lock_timeout={LOCKED_SECONDS}s"
        " -c datestyle=ISO -c standard_conforming_strings=on",  # whatever the database has for its own people
        "connect_timeout": WAIT_SECONDS,
        "client_encoding": "UTF8",  # of a database in SQL_ASCII texts would come as bytes
    },
    "clickhouse": {
        "settings": {
            "session_timezone": "UTC",
            **{f"{what}_overflow_mode": "throw" for what in _OVERFLOWS},
            **{f"{what}_overflow_mode_leaf": "throw" for what in ("read", "timeout")},
            **dict.fromkeys(("limit", "offset", "skip_unavailable_shards"), "0"),
        }
    },
}
"""How a session is opened: to read only, in UTC, and such that an answer is whole or none: whoever made the login may
have set that people get what was found until some limit. For engines that are not here Ibis sets the zone; they need a
login that may only read."""
REMEDIES = {
    "conflict with recovery": ": this is a standby, and what it had to replay ended the query. Set hot_standby_feedback"
    " to on there, or a longer max_standby_streaming_delay; or ask the primary",
    "affected by row-level security": ": let the login see all rows (alter role … bypassrls); or, where a policy is to"
    " choose which rows are usage, put options=-c%20row_security%3Don into the address",
}
"""What to do about what an engine says."""


@contextmanager
def connected(url: str) -> Iterator[Any]:
    """A session of the engine at `url`. Raises NotPulledError when it does not answer."""
    engine = _engine(url)
    with told_of(url, "the engine did not answer"):
        try:
            backend = _spark(url) if engine == "pyspark" else ibis.connect(url, **_session(engine, url))
        except ImportError as error:
            named = f" ({error.name})" if error.name else ""
            raise NotPulledError(
                f"the driver of {engine} is not installed{named}: pip install 'ibis-framework[{engine}]'"
            ) from None
    try:
        yield backend
    finally:
        with told_of(url):
            backend.disconnect()


def _session(engine: str, url: str) -> Mapping[str, Any]:
    """Ibis would forget the options of Postgres' that the address has."""
    session = SESSIONS.get(engine, {})
    if engine != "postgres":
        return session
    own = dict(parse_qsl(urlsplit(url).query)).get("options", "")
    return {**session, "options": " ".join(filter(None, (ROW_SECURITY, own, session["options"])))}


@contextmanager
def told_of(url: str, introduced: str = "the engine says") -> Iterator[None]:
    """What the engine says when it fails, as a NotPulledError without its address."""
    try:
        yield
    except (NotPulledError, AttributeError, NameError, AssertionError):
        raise
    except Exception as error:  # each engine has errors of its own
        said = _without_secrets(str(error), url)
        remedy = next((remedy for words, remedy in REMEDIES.items() if words in said), "")
        raise NotPulledError(f"{introduced}: {said}{remedy}") from None


def batches(backend: Any, expression: Any) -> Iterator[pa.RecordBatch]:
    """The answer to an expression, as batches of Arrow, no more of it at once than that.

    Times are cut to microseconds: rounded up, the last of a month would be the first of the next one.
    """
    if backend.name != "duckdb":
        answer = backend.to_pyarrow_batches(expression, chunk_size=BATCH)
    else:  # Ibis 12 asks DuckDB 2 for what it calls otherwise by now
        answer = backend.con.sql(str(backend.compile(expression))).to_arrow_reader(BATCH)
    for batch in answer:
        kinds = [_to_the_microsecond(field) for field in batch.schema]
        yield batch.cast(pa.schema(kinds), safe=False) if kinds != list(batch.schema) else batch


def _to_the_microsecond(field: "pa.Field[Any]") -> "pa.Field[Any]":
    kind = field.type
    return field.with_type(pa.timestamp("us", kind.tz)) if pa.types.is_timestamp(kind) and kind.unit == "ns" else field


def relation(backend: Any, usage: UsageTable) -> Any:
    """The table or query as Ibis sees it."""
    if not usage.query:
        *database, name = usage.table
        try:
            return backend.table(name, database=tuple(database) or None)
        except TableNotFound:
            named = ".".join(usage.table)
            raise NotPulledError(
                f"there is no table {named!r} that this login sees; capitals count in its name"
            ) from None
    query = _one_statement(backend, usage.query)
    columns_of = {"postgres": _columns_in_postgres, "duckdb": _columns_in_duckdb}.get(backend.name)
    if columns_of is None:
        return backend.sql(query)
    columns = columns_of(backend, query)
    times = Counter(name for name, _ in columns)
    if doubled := [name for name in usage.names if times[name] > 1]:  # DuckDB would take the first without a word
        raise NotPulledError(
            f"`query` has more than one column {doubled[0]!r}: name those that it needs, each once, and not `*`"
        )
    return backend.sql(query, schema={name: backend.compiler.type_mapper.from_string(kind) for name, kind in columns})


def _one_statement(backend: Any, query: str) -> str:
    """The query up to the semicolon that ends it, which Ibis would put into a larger one."""
    words = backend.dialect().tokenize(query)  # knows of quotes and comments
    ends = [word for word in words if word.token_type.name == "SEMICOLON"]
    if not ends:
        return query
    if words[-len(ends) :] != ends:
        raise NotPulledError("`query` is more than one statement: say one, with nothing after its semicolon")
    return query[: ends[0].start]


def _columns_in_duckdb(backend: Any, query: str) -> list[tuple[str, str]]:
    return [(name, kind) for name, kind, *_ in backend.con.execute(f"describe {query}").fetchall()]


def _columns_in_postgres(backend: Any, query: str) -> list[tuple[str, str]]:
    """Ibis would make a view to learn it, which a session that only reads must not."""
    with backend.con.cursor() as cursor, backend.con.transaction():
        described = cursor.execute(f"select * from ({query}\n) as asked limit 0").description  # noqa: S608 - the operator's own
    return [(column.name, column.type_display) for column in described]


def _spark(url: str) -> Any:
    """A session by `pyspark://[/WAREHOUSE][?OPTION=VALUE&…]`, such as `spark.remote` or `spark.master`."""
    parts = urlsplit(url)
    warehouse = {"spark.sql.warehouse.dir": unquote(parts.path)} if parts.path.strip("/") else {}
    return ibis.pyspark.connect(spark_session({**warehouse, **dict(parse_qsl(parts.query))}))


def _engine(url: str) -> str:
    if not is_readable(url):
        raise NotPulledError(f"its address {UNREADABLE}")
    scheme = urlsplit(url).scheme if "://" in url else ""
    if scheme not in ENGINES:
        raise NotPulledError(f"its address must begin with one of {', '.join(f'{each}://' for each in ENGINES)}")
    return "postgres" if scheme == "postgresql" else scheme


def _without_secrets(said: str, url: str) -> str:
    """The first line of what a driver says, without the address, its password or parameters."""
    parts = urlsplit(url)
    secret = [url, parts.netloc, parts.query, parts.password or "", unquote(parts.password or "")]
    secret += [value for name, value in parse_qsl(parts.query) if SECRET.search(name)]
    for each in sorted(filter(None, secret), key=len, reverse=True):
        said = said.replace(each, "***")
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return re.sub(r"(?i)(password|token|secret)=\S+", r"\1=***", lines[0] if lines else "it gave no reason")[:500]

"""What Postgres does for our queries, told by its own plans while they run. Which is too much: not here."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event

ASKS = ("select", "insert", "update", "delete", "with")
PLANNED = "explain (analyze, timing off, format json) "


@contextmanager
def compared() -> Iterator[Mapping[str, int]]:
    """Query → how many pairs of rows it compared that do not belong together, at most in one go; all queries of ours.

    Such pairs are what joins of each with each leave: their number grows as the square of the rows. Each query is tried
    out first, and taken back.
    """
    most = defaultdict[str, int](int)

    def try_out(_: Connection, cursor: Any, query: str, values: Any, _context: Any, many: bool) -> None:
        if many or not query.lower().lstrip().startswith(ASKS) or "flybill." not in query:
            return
        begin, end = ("begin", "rollback") if cursor.connection.autocommit else ("savepoint tried", "rollback to tried")
        with closing(cursor.connection.cursor()) as trial:
            trial.execute(begin)
            trial.execute(PLANNED + query, values)
            ((plan,),) = trial.fetchone()
            trial.execute(end)
        most[query] = max(most[query], _unpaired(plan["Plan"]))

    event.listen(Engine, "before_cursor_execute", try_out)
    try:
        yield most
    finally:
        event.remove(Engine, "before_cursor_execute", try_out)


def _unpaired(node: Mapping[str, Any]) -> int:
    own = node["Actual Loops"] * node.get("Rows Removed by Join Filter", 0)
    return int(own) + sum(_unpaired(part) for part in node.get("Plans", ()))

"""Which pieces were compared by their ids with those of all days, and which ids were left out. SQL only.

How ids are compared: cross_days.py.
"""

from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy import Connection, delete, insert, select, update

from flybill_pipeline.billing.usage.files import EventKey
from flybill_pipeline.stores.usage.lake.tables import usage_exclusions, usage_pieces


def uncompared(connection: Connection) -> tuple[str, ...]:
    """The pieces that have come since, and those of days on which an id may count again."""
    query = select(usage_pieces.c.path).where(usage_pieces.c.compared.is_(False)).order_by(usage_pieces.c.path)
    return tuple(connection.execute(query).scalars())


def left_out(connection: Connection, day: date) -> tuple[EventKey, ...]:
    """The ids that stand on `day` too, but count on another."""
    ids = usage_exclusions.c
    query = select(ids.source, ids.event_id).where(ids.day == day).order_by(ids.source, ids.event_id)
    return tuple(EventKey(*row) for row in connection.execute(query))


def keep(connection: Connection, pieces: Sequence[str], ids: Mapping[date, Sequence[EventKey]]) -> None:
    """Puts `ids`, which comparing `pieces` gave, in the place of those before.

    When one of the pieces has gone since, ids are to be compared again.
    """
    rows = [{"day": day, "source": k.source, "event_id": k.event_id} for day, keys in ids.items() for k in keys]
    connection.execute(delete(usage_exclusions))
    if rows:
        connection.execute(insert(usage_exclusions), rows)
    those = update(usage_pieces).where(usage_pieces.c.path.in_(pieces)).values(compared=True)
    if connection.execute(those).rowcount < len(pieces):
        compare_again(connection)


def compare_again(connection: Connection) -> None:
    """Lets ids be compared again where some were left out: what is gone may have stood for them on another day."""
    there = usage_pieces.c.day.in_(select(usage_exclusions.c.day))
    connection.execute(update(usage_pieces).where(there).values(compared=False))

"""What is new among landed files, and the place of each in the order of arrival. What they give: catalog.py."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, func, insert, select, update

from flybill_pipeline.billing.usage.files import OF_A_CLOCK, Arrival, LandedFile
from flybill_pipeline.stores.usage.lake.tables import landed_files


def known_files(connection: Connection) -> dict[tuple[str, str], Row[Any]]:
    """Source and path → the file as it is registered."""
    return {(row.source, row.path): row for row in connection.execute(select(landed_files))}


def news_of(file: LandedFile, known: Row[Any] | None) -> Literal["new", "changed", "touched", "waiting"] | None:
    """What there is to read in `file`, when `known` is registered: nothing if it is as it was, or only touched."""
    if known is None:
        return "new"
    other_tag = file.fetch is not None and known.content_hash != file.content_hash()  # of an object the tag, at hand
    if other_tag or (known.size, known.modified_ns) != (file.size, file.modified_ns):
        same = known.content_hash is not None and known.content_hash == file.content_hash()
        if not same:
            return "changed"
        if known.state == "taken":
            # Who puts a file there again after mending its mapping, or this machine's clock, wants it read by that.
            alike = known.mapping_hash == file.mapping_hash and OF_A_CLOCK not in (known.quarantined or {})
            return "touched" if alike else "changed"
    mended = (known.mapping_hash, known.changed_ns) != (file.mapping_hash, file.changed_ns)
    return "waiting" if known.state in ("registered", "gone") or (known.state == "broken" and mended) else None


def let_go(connection: Connection, missing: Iterable[Row[Any]]) -> None:
    """Files that were taken away: of broken ones nobody is asked to mend them any more."""
    broken = [row.arrival for row in missing if row.state == "broken"]
    if broken:
        connection.execute(update(landed_files).where(landed_files.c.arrival.in_(broken)).values(state="gone"))


def registered(
    connection: Connection, file: LandedFile, known: Row[Any] | None, now: datetime, turn: int
) -> Arrival | None:
    """The file's place in the order of arrival, if there is something to read. A path keeps its number for good.

    `turn` is later than that of any file: a path that gets other content has its turn again.
    """
    news = news_of(file, known)
    if news is None:
        return None
    values: dict[str, Any] = {
        "size": file.size,
        "modified_ns": file.modified_ns,
        "changed_ns": file.changed_ns,
        "content_hash": file.content_hash(),
        "mapping_hash": file.mapping_hash,
        "state": "taken" if news == "touched" else "registered",
    }
    if known is None:
        new = insert(landed_files).values(
            source=file.source, path=file.path, version=1, arrived_at=now, turn=turn, **values
        )
        return Arrival(connection.execute(new.returning(landed_files.c.arrival)).scalar_one(), 1, now, file)
    version, arrived_at = (known.version + 1, now) if news == "changed" else (known.version, known.arrived_at)
    values |= {"turn": turn} if news == "changed" else {}
    row = landed_files.c.arrival == known.arrival
    connection.execute(update(landed_files).where(row).values(version=version, arrived_at=arrived_at, **values))
    return None if news == "touched" else Arrival(known.arrival, version, arrived_at, file, known.rows or 0)


def next_turn(connection: Connection) -> int:
    """Later than that of any file. Files that came before there were turns have their number."""
    last = func.max(func.coalesce(landed_files.c.turn, landed_files.c.arrival))
    return (connection.execute(select(last)).scalar_one_or_none() or 0) + 1

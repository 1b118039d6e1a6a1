"""All state, in one SQLite file, so that a kill -9 loses nothing that was answered. Belongs here: SQL. Does not: what
the objects mean.

An object is stored as the JSON that Stripe would show, beside the few columns by which Stripe filters and orders.
synchronous=OFF: a commit survives the death of the process (not of the machine), and costs some microseconds.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]

_SCHEMA = """
create table if not exists objects (
    seq integer primary key, id text not null unique, kind text not null, livemode integer not null,
    created integer not null, customer text, status text, parent text, due_at integer, body blob not null);
create index if not exists by_kind on objects (kind, seq);
create index if not exists by_parent on objects (parent, seq) where parent is not null;
create index if not exists by_customer on objects (customer, kind, seq) where customer is not null;
create index if not exists by_due on objects (due_at) where due_at is not null;
create table if not exists answers (
    key text primary key, path text not null, fingerprint text not null, created integer not null,
    request_id text not null, status integer not null, headers text not null, body blob not null) without rowid;
create table if not exists requests (
    seq integer primary key, at real not null, endpoint text not null, livemode integer not null, request_id text,
    key text, status integer, replayed integer not null, fault text, rule text, problem text);
create index if not exists by_time on requests (endpoint, at);
create table if not exists facts (name text primary key, value text not null) without rowid;
"""
_FORGET = ("delete from objects", "delete from answers", "delete from requests", "delete from facts")


class Store:
    """The emulator's memory. Not thread-safe: one event loop is its only user, in whatever thread it runs."""

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        self._db.execute("pragma journal_mode=wal")
        self._db.execute("pragma synchronous=off")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    def reset(self) -> None:
        """Forgets everything."""
        with self.transaction():
            for statement in _FORGET:
                self._db.execute(statement)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; a transaction inside another is a part that can fail alone."""
        if self._db.in_transaction:
            begin, commit, undo = "savepoint part", "release part", "rollback to part"
        else:
            begin, commit, undo = "begin immediate", "commit", "rollback"
        self._db.execute(begin)
        try:
            yield
        except BaseException:
            self._db.execute(undo)
            raise
        self._db.execute(commit)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of any statement."""
        return self._db.execute(sql, values).fetchall()

    def insert(self, obj: Json, *, livemode: bool | None = None) -> None:
        """Adds a new object, of the mode that it names itself unless `livemode` does."""
        self.insert_many([obj])
        if livemode is not None:
            self._db.execute("update objects set livemode = ? where id = ?", (livemode, obj["id"]))

    def insert_many(self, objects: Sequence[Json]) -> None:
        """Adds new objects; their order is their age."""
        self._db.executemany(
            "insert into objects (id, kind, livemode, created, customer, status, parent, due_at, body)"
            " values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(obj["id"], obj["object"], *_columns(obj)) for obj in objects],
        )

    def update(self, obj: Json) -> None:
        """Replaces an object."""
        self._db.execute(
            "update objects set livemode = ?, created = ?, customer = ?, status = ?, parent = ?, due_at = ?, body = ?"
            " where id = ?",
            (*_columns(obj), obj["id"]),
        )

    def delete(self, object_id: str) -> None:
        """Removes an object and everything inside it."""
        self._db.execute("delete from objects where id = ? or parent = ?", (object_id, object_id))

    def get(self, kind: str, object_id: str) -> Json | None:
        """One object, or None."""
        rows = self.rows("select body from objects where id = ? and kind = ?", (object_id, kind))
        return load(rows[0][0]) if rows else None

    def sequence_of(self, object_id: str) -> int | None:
        """The position of an object in the order of creation."""
        rows = self.rows("select seq from objects where id = ?", (object_id,))
        return int(rows[0][0]) if rows else None

    def children(self, kind: str, parent: str, limit: int = -1) -> list[Json]:
        """The first objects inside another, oldest first."""
        rows = self.rows(
            "select body from objects where parent = ? and kind = ? order by seq limit ?", (parent, kind, limit)
        )
        return [load(body) for (body,) in rows]

    def count_children(self, kind: str, parent: str) -> int:
        """How many objects are inside another."""
        return int(self.rows("select count(*) from objects where parent = ? and kind = ?", (parent, kind))[0][0])

    def withhold(self, event_id: str) -> None:
        """Keeps an event out of lists, as Stripe does with one that is late."""
        self._db.execute("update objects set parent = 'withheld' where id = ?", (event_id,))

    def release_withheld(self) -> int:
        """Lets the late events be seen, each where it belongs, and returns how many there were."""
        return self._db.execute("update objects set parent = null where parent = 'withheld'").rowcount

    def due(self, now: int) -> Json | None:
        """The object whose next automatic action is due first, if any is due."""
        rows = self.rows("select body from objects where due_at <= ? order by due_at, seq limit 1", (now,))
        return load(rows[0][0]) if rows else None

    def recall(self, name: str, default: Any) -> Any:
        """A remembered JSON value."""
        rows = self.rows("select value from facts where name = ?", (name,))
        return json.loads(rows[0][0]) if rows else default

    def remember(self, name: str, value: Any) -> None:
        """Keeps a JSON value under a name."""
        self._db.execute("insert or replace into facts values (?, ?)", (name, json.dumps(value)))


def load(body: str | bytes) -> Json:
    """The object of a stored body."""
    text = zlib.decompress(body) if isinstance(body, bytes) else body
    loaded: Json = json.loads(text)
    return loaded


def dump(obj: Json) -> str:
    """Compact JSON."""
    return json.dumps(obj, separators=(",", ":"), ensure_ascii=False)


def pack(text: str | bytes) -> bytes:
    """Compressed: events and saved answers repeat whole invoices, ten times smaller this way."""
    return zlib.compress(text.encode() if isinstance(text, str) else text, 1)


def _columns(obj: Json) -> tuple[Any, ...]:
    """What Stripe filters by: an event by its type, a line by its invoice, a deleted customer by a mark."""
    if obj["object"] == "event":
        return obj["livemode"], obj["created"], None, obj["type"], None, None, pack(dump(obj))
    status = "deleted" if obj.get("deleted") else obj.get("status")
    due_at = obj.get("automatically_finalizes_at") or obj.get("next_payment_attempt")
    parent = obj.get("invoice")
    return obj.get("livemode", False), obj.get("created", 0), obj.get("customer"), status, parent, due_at, dump(obj)

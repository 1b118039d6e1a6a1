"""Databases of the server that the tests share: new ones, empty or like another. Who starts the server: conftest."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from uuid import uuid4

from sqlalchemy import Connection, create_engine, text

from flybill_pipeline.stores.postgres.database import migrate, open_engine

EMPTY = "template1"
SHARDS = 16


@contextmanager
def fresh_databases(postgres_url: str, *purposes: str, template: str = EMPTY) -> Iterator[list[str]]:
    """New databases, one for each purpose, for as long as the block runs; yields their addresses."""
    names = [f"{purpose}{uuid4().hex[:10]}" for purpose in purposes]
    with _admin(postgres_url) as connection:
        for name in names:
            connection.execute(text(f"create database {name} template {template}"))
    try:
        yield [postgres_url.format(name) for name in names]
    finally:
        with _admin(postgres_url) as connection:
            for name in names:
                connection.execute(text(f"drop database {name} with (force)"))


@cache
def migrated(postgres_url: str) -> str:
    """The name of a database with the billing tables and nothing in them: a copy takes a quarter of a migration."""
    name = f"migrated{uuid4().hex[:10]}"
    with _admin(postgres_url) as connection:
        connection.execute(text(f"create database {name}"))
    engine = open_engine(postgres_url.format(name))
    migrate(engine, shards=SHARDS)
    engine.dispose()
    return name


@contextmanager
def _admin(postgres_url: str) -> Iterator[Connection]:
    engine = create_engine(postgres_url.format("postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()

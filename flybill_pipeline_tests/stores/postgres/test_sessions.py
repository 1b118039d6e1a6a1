"""A pooler that gives one session to several, as PgBouncer does between two statements: everybody would get a lock."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from itertools import cycle
from typing import Any

import pytest
from sqlalchemy import Engine, NullPool, create_engine

from flybill_pipeline.operating import probes
from flybill_pipeline.stores.payments.intake import PaymentIntake
from flybill_pipeline.stores.postgres import condition, sessions
from flybill_pipeline.stores.postgres.database import DatabaseError
from flybill_pipeline.stores.postgres.presence import only_one
from flybill_pipeline.stores.postgres.sessions import are_shared, require_own_sessions
from flybill_pipeline.stores.sync.claims import Claims
from flybill_pipeline.stores.usage.engines.ledger import PulledTables
from flybill_pipeline.stores.usage.lake.catalog import LakeCatalog
from flybill_pipeline_tests.worlds.project import PROJECT


@contextmanager
def claimed(engine: Engine) -> Iterator[None]:
    with closing(Claims(engine)) as claims, claims.held("acme"):
        yield


LOCKING: dict[str, Callable[[Engine], AbstractContextManager[Any]]] = {
    "a process is there": lambda engine: only_one(engine, "it", ""),
    "an organization is claimed": claimed,
    "payments are read": lambda engine: PaymentIntake(engine).claim(),
    "the lake is worked on": lambda engine: LakeCatalog(engine).working_on("it"),
    "a table is looked into": lambda engine: PulledTables(engine).working_on("it"),
}


@contextmanager
def behind_a_pooler(engine: Engine, number: int) -> Iterator[Engine]:
    """An engine whose connections meet so many sessions in turn, another one at each statement."""
    address = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    driver: Any = engine.dialect.import_dbapi()
    held = [driver.connect(address) for _ in range(number)]
    in_turn = cycle(held)

    class Lent(driver.extensions.connection):  # type: ignore[misc]
        """A connection to the pooler."""

        def cursor(self, *args: Any, **named: Any) -> Any:
            session = next(in_turn)
            session.autocommit = True
            return session.cursor(*args, **named)

    yield create_engine(engine.url, connect_args={"connection_factory": Lent}, poolclass=NullPool)
    for session in held:
        session.close()


@pytest.mark.parametrize("number", [1, 2, 3])
def test_it_is_known_by_whom_one_meets(number: int, engine: Engine) -> None:
    with behind_a_pooler(engine, number) as pooled:
        assert are_shared(pooled)
    assert not are_shared(engine)


@pytest.mark.parametrize("locking", LOCKING)
def test_no_lock_of_a_session_is_taken_where_others_have_the_session_too(
    locking: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LOCKING[locking](engine):
        pass
    monkeypatch.setattr(sessions, "_known", set())
    monkeypatch.setattr(sessions, "are_shared", lambda _engine: True)
    with pytest.raises(DatabaseError, match="pool_mode=session"), LOCKING[locking](engine):
        pass


def test_who_takes_a_lock_of_a_session_asks_for_one_of_its_own() -> None:
    """Also where somebody adds one: a lock of a transaction (`_xact_`) needs none."""
    taking = re.compile(r"pg_(?:try_)?advisory_lock(?:_shared)?\(")
    sources = {str(file): file.read_text() for file in (PROJECT / "flybill_pipeline").rglob("*.py")}
    locking = {name for name, source in sources.items() if taking.search(source)}
    assert len(locking) >= len(LOCKING)
    assert {name for name in locking if "require_own_sessions(" not in sources[name]} == set()


def test_postgres_itself_is_asked_once(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    require_own_sessions(engine)
    monkeypatch.setattr(sessions, "are_shared", None)
    require_own_sessions(engine)


def test_doctor_says_so(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(condition, "are_shared", lambda _engine: True)
    address = engine.url.render_as_string(hide_password=False)
    found, _ = probes.database("database", "FLYBILL_DATABASE_URL", address, where="here")
    assert found.state == "wrong"
    assert "PgBouncer" in found.sentence

"""Locks that end with the session that holds them need a session of their own: not one of a pooler that gives it to
somebody else between two statements. Belongs here: that this is so. Does not: the locks."""

from sqlalchemy import Engine, text

from flybill_pipeline.stores.postgres.database import DatabaseError

POOLED = (
    "FLYBILL_DATABASE_URL leads to a pooler that gives a session of Postgres to others between two statements, as "
    "PgBouncer does with pool_mode=transaction. By locks of sessions flybill sees to it that nothing is done twice at "
    "once: there two would get the same one. Name Postgres itself, or a pool with pool_mode=session"
)
ROUNDS = 3
"""How often it is looked: where others use the pooler too, one of them may get the session that we look for."""
_known: set[str] = set()


def require_own_sessions(engine: Engine) -> None:
    """Raises DatabaseError where two connections may get one session. Of each address it is asked once."""
    address = engine.url.render_as_string(hide_password=False)
    if address in _known:
        return
    if are_shared(engine):
        raise DatabaseError(POOLED)
    _known.add(address)


def are_shared(engine: Engine) -> bool:
    """Whether a connection that stays open meets another session the next time, or another one meets its session."""
    at_once = engine.execution_options(isolation_level="AUTOCOMMIT")  # a transaction would keep its session
    with at_once.connect() as one, at_once.connect() as other:
        met = [each.execute(text("select pg_backend_pid()")).scalar_one() for each in (one, other, other, one) * ROUNDS]
    return met != [met[0], met[1], met[1], met[0]] * ROUNDS or met[0] == met[1]

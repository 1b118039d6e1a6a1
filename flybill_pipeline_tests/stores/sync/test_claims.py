"""Claims after their connection was cut, as by a restart of Postgres: they are free again, and are taken anew."""

from sqlalchemy import Engine, text

from flybill_pipeline.stores.sync.claims import Claims


def cut(engine: Engine) -> None:
    with engine.begin() as connection:
        others = "select pg_terminate_backend(pid, 5000) from pg_stat_activity where pid <> pg_backend_pid() and "
        connection.execute(text(f"{others} datname = current_database()"))


def test_what_was_held_as_the_connection_was_cut_is_claimed_again(engine: Engine) -> None:
    claims = Claims(engine)
    with claims.held("acme") as acme, claims.held("bolt") as bolt:
        assert acme
        assert bolt
        cut(engine)
    for _ in range(2):
        with claims.held("acme") as acme, claims.held("bolt") as bolt:
            assert acme
            assert bolt
    claims.close()


def test_a_connection_that_was_cut_while_nobody_used_it_is_replaced(engine: Engine) -> None:
    claims, others = Claims(engine), Claims(engine)
    with claims.held("acme") as held:
        assert held
    cut(engine)
    with claims.held("acme") as held, others.held("acme") as as_well:
        assert held
        assert not as_well
    claims.close()
    others.close()

"""Lent databases are used again, and nothing of the last user is in them."""

from sqlalchemy import Engine, text

from flybill_pipeline_tests.worlds.databases import Databases


def name_of(engine: Engine) -> str:
    with engine.begin() as connection:
        return str(connection.execute(text("select current_database()")).scalar_one())


def facts(engine: Engine) -> set[tuple[str, str]]:
    with engine.begin() as connection:
        return {(name, value) for name, value in connection.execute(text("select name, value from flybill.facts"))}


def test_a_database_is_lent_again_without_what_was_written(postgres_url: str) -> None:
    databases = Databases(postgres_url)
    with databases.lent() as engine:
        first, told = name_of(engine), facts(engine)
        with engine.begin() as connection:
            connection.execute(text("insert into flybill.facts (name, value) values ('a', 'b')"))
            connection.execute(
                text("insert into flybill.organizations (org_id, name, currency, shard) values ('o', 'O', 'usd', 0)")
            )
    with databases.lent() as engine:
        assert name_of(engine) == first
        assert facts(engine) == told
        with engine.begin() as connection:
            assert connection.execute(text("select count(*) from flybill.organizations")).scalar_one() == 0
    databases.close()


def test_a_large_table_is_emptied_too_whatever_refers_to_it(postgres_url: str) -> None:
    databases = Databases(postgres_url)
    with databases.lent() as engine, engine.begin() as connection:
        connection.execute(
            text(
                "insert into flybill.organizations (org_id, name, currency, shard)"
                " select 'org' || n, 'A name', 'usd', 0 from generate_series(1, 20000) n"
            )
        )
        assert connection.execute(text("select pg_relation_size('flybill.organizations')")).scalar_one() > 1_000_000
    with databases.lent() as engine, engine.begin() as connection:
        assert connection.execute(text("select count(*) from flybill.organizations")).scalar_one() == 0
    databases.close()


def test_what_a_session_was_set_to_ends_with_its_user(postgres_url: str) -> None:
    databases = Databases(postgres_url)
    with databases.lent() as engine, engine.begin() as connection:
        connection.execute(text("set session_replication_role = replica"))  # past every trigger
    with databases.lent() as engine, engine.begin() as connection:
        assert connection.execute(text("show session_replication_role")).scalar_one() == "origin"
    databases.close()


def test_one_whose_schema_was_changed_is_not_lent_again(postgres_url: str) -> None:
    databases = Databases(postgres_url)
    with databases.lent() as engine:
        first = name_of(engine)
        with engine.begin() as connection:
            connection.execute(text("create table flybill.more (n int)"))
    with databases.lent() as engine:
        assert name_of(engine) != first
    databases.close()

"""A name that one process alone may have is free again when that process ends, however it ends."""

import pytest
from sqlalchemy import Engine, text

from flybill_pipeline.stores.postgres.presence import AlreadyPresentError, is_present, only_one


def test_a_second_one_is_refused_until_the_first_has_ended(engine: Engine) -> None:
    with only_one(engine, "it", "there is one"):
        with pytest.raises(AlreadyPresentError, match="there is one"), only_one(engine, "it", "there is one"):
            pass
        with only_one(engine, "another", ""):
            assert is_present(engine, "it")
    with only_one(engine, "it", ""):
        pass
    assert not is_present(engine, "it")


def test_it_ends_without_a_word_when_its_connection_was_cut(engine: Engine) -> None:
    with only_one(engine, "it", ""), engine.begin() as other:
        others = "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = "
        other.execute(text(others + "current_database()"))
    assert not is_present(engine, "it")

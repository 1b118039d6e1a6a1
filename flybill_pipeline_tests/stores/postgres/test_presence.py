"""A name that one process alone may have is free again when that process ends, however it ends."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import TypeAlias

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import OperationalError

from flybill_pipeline.stores.postgres.presence import AlreadyPresentError, Presence, is_present, only_one, present

Shown: TypeAlias = Callable[[Engine, str], AbstractContextManager[Presence]]


def test_a_second_one_is_refused_until_the_first_has_ended(engine: Engine) -> None:
    with only_one(engine, "it", "there is one"):
        with pytest.raises(AlreadyPresentError, match="there is one"), only_one(engine, "it", "there is one"):
            pass
        with only_one(engine, "another", ""):
            assert is_present(engine, "it")
    with only_one(engine, "it", ""):
        pass
    assert not is_present(engine, "it")


def cut(engine: Engine) -> None:
    with engine.begin() as other:
        others = "select pg_terminate_backend(pid, 5000) from pg_stat_activity where pid <> pg_backend_pid() and "
        other.execute(text(f"{others} datname = current_database()"))


@pytest.mark.parametrize("shown", [present, partial(only_one, refusal="")], ids=["present", "only_one"])
def test_it_ends_without_a_word_when_its_connection_was_cut(engine: Engine, shown: Shown) -> None:
    with shown(engine, "it"):
        cut(engine)
    assert not is_present(engine, "it")


def test_it_is_there_again_when_the_database_is(engine: Engine) -> None:
    def away(*_: object) -> None:
        raise OperationalError(None, None, ConnectionError("the database system is starting up"))

    with present(engine, "it") as presence:
        cut(engine)
        engine.dispose()
        event.listen(engine, "do_connect", away)
        for _ in range(2):
            with pytest.raises(OperationalError):
                presence.renew()
        event.remove(engine, "do_connect", away)
        presence.renew()
        assert is_present(engine, "it")
    assert not is_present(engine, "it")

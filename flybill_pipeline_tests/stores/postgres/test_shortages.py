"""A machine that runs short of something ends a command with a sentence; a mistake of ours keeps its traceback."""

import errno
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from flybill_pipeline.cli import commands
from flybill_pipeline.local.keeper import ServiceError
from flybill_pipeline.local.postgres_programs import PostgresError
from flybill_pipeline.stores.postgres.shortages import shortage


@pytest.mark.parametrize("code", ["53100", "53200", "53300", "57P01"], ids=["disk", "memory", "connections", "stopped"])
def test_a_database_that_is_short_of_something_is_told_in_its_first_line(engine: Engine, code: str) -> None:
    raising = f"do $$ begin raise exception 'no room left' using errcode = '{code}', hint = 'more'; end $$"
    with engine.connect() as connection, pytest.raises(DBAPIError) as caught:
        connection.execute(text(raising))
    sentence = shortage(caught.value)
    assert sentence is not None
    assert sentence.startswith("the database cannot go on: no room left. What was stored")
    assert "\n" not in sentence


def test_a_standby_is_told_as_such(engine: Engine) -> None:
    with engine.connect() as connection, pytest.raises(DBAPIError) as caught:
        connection.execute(text("set transaction read only"))
        connection.execute(text("delete from flybill.facts"))
    for error in (caught.value, caught.value.orig):
        assert error is not None
        assert "it takes no writes: it is a standby" in (shortage(error) or "")


@pytest.mark.parametrize("kind", ["OperationalError", "DatabaseError", "InterfaceError"])
def test_what_the_driver_raises_itself_is_told_as_well(engine: Engine, kind: str) -> None:
    error = getattr(engine.dialect.loaded_dbapi, kind)("server closed the connection unexpectedly\n\tThis probably")
    sentence = shortage(error)
    assert sentence is not None
    assert sentence.startswith("the database cannot go on: server closed the connection unexpectedly. What was stored")
    assert shortage(engine.dialect.loaded_dbapi.ProgrammingError("no such table")) is None


def test_a_statement_of_ours_that_is_wrong_is_no_shortage(engine: Engine) -> None:
    with engine.connect() as connection, pytest.raises(DBAPIError) as caught:
        connection.execute(text("select nothing_of_this_name"))
    assert shortage(caught.value) is None
    assert shortage(FileNotFoundError(errno.ENOENT, "gone")) is None


@pytest.mark.parametrize(
    ("error", "words", "is_told"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/lake/a"), "No space left on device", True),
        (MemoryError(), "no memory left", True),
        (ServiceError("the local postgres did not start: its disk is full"), "its disk is full", True),
        (PostgresError("pg_dump failed: No space left on device"), "No space left on device", True),
        (KeyError("ours"), "Traceback", False),
    ],
    ids=["disk", "memory", "a service", "a program", "a mistake of ours"],
)
def test_how_a_command_ends(error: Exception, words: str, is_told: bool, capsys: Any) -> None:
    fails = patch.object(commands, "flybill", side_effect=error)
    with fails, patch.object(commands, "spare_the_collector"), pytest.raises(SystemExit) as ended:
        commands.main()
    err = capsys.readouterr().err
    assert ended.value.code == 1
    assert words in err
    assert ("Traceback" not in err) == is_told == ("run the same command again" in err)

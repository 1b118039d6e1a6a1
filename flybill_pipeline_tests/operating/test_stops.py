"""A stop is told by its sentence alone, wherever it comes."""

import logging
from contextlib import suppress

import pytest
from dagster._core.errors import DagsterExecutionInterruptedError
from sqlalchemy import Engine, event, text

from flybill_pipeline.operating.stops import stoppable


@pytest.mark.parametrize("stop", [KeyboardInterrupt, DagsterExecutionInterruptedError])
def test_a_stop_while_a_connection_is_given_back_has_no_traceback(
    engine: Engine, stop: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    given_back_in_the_midst_of(engine, stop)
    assert "Traceback" in caplog.text
    caplog.clear()
    with stoppable():
        given_back_in_the_midst_of(engine, stop)
        assert caplog.text == ""
        given_back_in_the_midst_of(engine, RuntimeError)
    assert "RuntimeError" in caplog.text
    assert [logging.getLogger(f"sqlalchemy.pool.impl.{name}").filters for name in ("NullPool", "QueuePool")] == [[], []]


def given_back_in_the_midst_of(engine: Engine, raised: type[BaseException]) -> None:
    """Gives a connection of the engine back; meanwhile that is raised."""

    def fall(*_: object) -> None:
        raise raised

    event.listen(engine, "reset", fall)
    with suppress(raised), engine.connect() as connection:
        connection.execute(text("select 1"))
    event.remove(engine, "reset", fall)

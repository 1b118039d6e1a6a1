"""How the runs of this process are stopped: by Ctrl-C, SIGTERM, or the end of the terminal. Not here: what a run does.

Dagster makes a failed run of one that is stopped, as it should be; nothing else may begin after it.
"""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError

STOPPED = "Stopped. What is done stays as it is, and the same command goes on from there."
"""What somebody reads who ended a command, if the terminal is still there."""

POOLS = ("sqlalchemy.pool.impl.NullPool", "sqlalchemy.pool.impl.QueuePool")
"""Who logs a traceback of what is raised while a connection is given back, and goes on with another connection."""


@contextmanager
def stoppable() -> Iterator[None]:
    """While the block runs, each of the signals raises KeyboardInterrupt with that sentence.

    What is ignored stays so, as SIGHUP under nohup. Within a run Dagster has handlers of its own for the other two.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {signal.SIGINT: _stop, signal.SIGTERM: _stop, signal.SIGHUP: _as_sigterm}
    before = {number: signal.getsignal(number) for number in handlers}
    pools = [logging.getLogger(name) for name in POOLS]
    for pool in pools:
        pool.addFilter(_is_no_stop)
    try:
        for number, handler in handlers.items():
            if before[number] is not signal.SIG_IGN:
                signal.signal(number, handler)
        yield
    finally:
        for number, kept in before.items():
            signal.signal(number, kept)
        for pool in pools:
            pool.removeFilter(_is_no_stop)


def was_stopped(result: dg.ExecuteInProcessResult) -> bool:
    """Whether a run failed because it was stopped."""
    errors = [event.step_failure_data.error for event in result.all_events if event.is_step_failure]
    while errors := [error for error in errors if error is not None]:
        if any(error.cls_name == DagsterExecutionInterruptedError.__name__ for error in errors):
            return True
        errors = [error.cause for error in errors]  # Dagster wraps what our functions raise
    return False


def _is_no_stop(record: logging.LogRecord) -> bool:
    """Whether what a log says is no stop, be it KeyboardInterrupt or Dagster's kind: the sentence tells that."""
    raised = record.exc_info[1] if record.exc_info else None
    return raised is None or isinstance(raised, Exception)


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt(STOPPED)


def _as_sigterm(_number: int, _frame: FrameType | None) -> None:
    signal.raise_signal(signal.SIGTERM)

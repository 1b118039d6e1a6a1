"""Why a run failed is told in words; of a database that went away in one line, with what to do."""

import dagster as dg
import pytest
from sqlalchemy.exc import DatabaseError as SqlError
from sqlalchemy.exc import OperationalError

from flybill_pipeline.operating.run_reasons import reason_of
from flybill_pipeline.stores.postgres.database import DatabaseError

REFUSED = ConnectionError('connection to "/run/a" failed: No such file\n\tIs the server running?\n')
STOPPED = ConnectionError("server closed the connection unexpectedly\n\tThis probably means")
KEPT = "What was stored until then is kept: mend this, then run the same command again."


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            OperationalError("select 1", {}, REFUSED),
            f'the database cannot go on: connection to "/run/a" failed: No such file. {KEPT}',
        ),
        (
            OperationalError(None, None, STOPPED),
            f"the database cannot go on: server closed the connection unexpectedly. {KEPT}",
        ),
        (
            SqlError(None, None, STOPPED),
            f"the database cannot go on: server closed the connection unexpectedly. {KEPT}",
        ),
        (DatabaseError("Run `flybill migrate`"), "Run `flybill migrate`"),
        (ValueError("no such month"), "no such month"),
        (dg.Failure("two organizations wait"), "two organizations wait"),
    ],
    ids=["away", "stopped", "in Dagster", "ours", "any", "failure"],
)
def test_a_run_that_failed_is_told_in_words(error: Exception, told: str) -> None:
    @dg.op
    def fails() -> None:
        raise error

    @dg.job
    def failing() -> None:
        fails()

    assert reason_of(failing.execute_in_process(raise_on_error=False)) == told

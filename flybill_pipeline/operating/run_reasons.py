"""Why a run of a job in this process did not succeed, in the words of what was raised. Not what becomes of it."""

import re

import dagster as dg

from flybill_pipeline.stores.postgres.shortages import database_shortage

_CUT = re.compile(r"(sqlalchemy\.exc|psycopg2)\.(Operational|Database|Interface)Error: (\([\w.]+\) )?")
"""Names that have what a database says as it stops, be it ours or Dagster's; faults of a statement have others."""


def reason_of(result: dg.ExecuteInProcessResult) -> str:
    """The first reason that Dagster recorded, without the name of the exception's class."""
    for event in result.all_events:
        if event.is_step_failure and event.step_failure_data.error is not None:
            error = event.step_failure_data.error
            reason = error if error.cls_name == "Failure" or error.cause is None else error.cause
            said = reason.message.strip()
            if of_the_database := _CUT.match(said):
                return database_shortage(said[of_the_database.end() :])
            return re.sub(r"^[\w.]+: ", "", said)
    return "the run did not start"

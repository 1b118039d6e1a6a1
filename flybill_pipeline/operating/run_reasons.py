"""Why a run of a job in this process did not succeed, in the words of what was raised. Not what becomes of it."""

import re

import dagster as dg

from flybill_pipeline.stores.postgres.shortages import DATABASE_SHORT, database_shortage


def reason_of(result: dg.ExecuteInProcessResult) -> str:
    """The first reason that Dagster recorded, without the name of the exception's class."""
    for event in result.all_events:
        if event.is_step_failure and event.step_failure_data.error is not None:
            error = event.step_failure_data.error
            reason = error if error.cls_name == "Failure" or error.cause is None else error.cause
            said = re.sub(r"^[\w.]+: ", "", reason.message.strip())
            if reason.cls_name == DATABASE_SHORT.__name__:
                return database_shortage(re.sub(r"^\([\w.]+\) ", "", said))  # without that of the driver's
            return said
    return "the run did not start"

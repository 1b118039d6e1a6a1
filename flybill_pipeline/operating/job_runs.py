"""Makes the runs of this process runs of their jobs: on the job's page, on the timeline, as a schedule's would be.

Dagster notes at a run which code location its job is of; `execute_in_process` has no way to say it.
"""

from typing import Any

import dagster as dg
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.storage.tags import MAX_RETRIES_TAG

CODE_LOCATION = "flybill_pipeline"
"""As workspace.yaml and `[tool.dagster]` name it."""
NOT_STARTED_AGAIN = {MAX_RETRIES_TAG: "0"}
"""The tag of a run that Dagster's daemon does not start again when its process dies: the retry sensor does, or a person
does by the same command.
"""


def noted_at_their_jobs(instance: dg.DagsterInstance) -> None:
    """From now on each run that `instance` makes belongs to the page of its job."""
    create = instance.create_run_for_job

    def create_with_origin(job_def: dg.JobDefinition, **options: Any) -> dg.DagsterRun:
        return create(job_def, **{**options, "remote_job_origin": _origin(job_def.name)})

    setattr(instance, "create_run_for_job", create_with_origin)  # noqa: B010  # its type names every option


def _origin(job: str) -> RemoteJobOrigin:
    location = RegisteredCodeLocationOrigin(CODE_LOCATION)
    return RemoteJobOrigin(RemoteRepositoryOrigin(location, dg.Definitions().get_repository_def().name), job)

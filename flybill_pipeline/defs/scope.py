"""The run config that assets share. Money has no switch here: a run may be narrowed, never forced."""

import dagster as dg
from pydantic import Field


class Scope(dg.Config):
    """Narrows a run to some organizations of the shard; the ledger still decides what may be done to them."""

    org_ids: list[str] = Field(
        default_factory=list, description="Only these organizations; empty means the whole shard."
    )

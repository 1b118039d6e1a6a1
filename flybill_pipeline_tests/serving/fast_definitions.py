"""The definitions with each wait that is waited for in seconds, not minutes. Nothing else differs from production's.

`python -m flybill_pipeline_tests.serving.fast_definitions up …` is `flybill` with Dagster's processes serving these.
"""

import multiprocessing
from datetime import timedelta
from functools import partial
from multiprocessing.context import ForkServerProcess, SpawnContext
from typing import Any

import dagster as dg

from flybill_pipeline.billing.sync import breaker as sync_breaker
from flybill_pipeline.cli import commands as cli
from flybill_pipeline.definitions import build_defs
from flybill_pipeline.defs import sensors
from flybill_pipeline.serving import up
from flybill_pipeline.settings import load_settings
from flybill_pipeline.steps.alerts import tell_problems
from flybill_pipeline.steps.sync.options import RunOptions
from flybill_pipeline.toolbox import closing

MODULE = "flybill_pipeline_tests.serving.fast_definitions"
FIRST_WAIT = timedelta(seconds=4)
PROBES = (timedelta(seconds=3), timedelta(seconds=8))
PATIENCE = timedelta(seconds=4)
HURRIED = ("landed_files_arrived", "days_to_record", "retry_failed_partitions", "failed_org_months", "alerts")
"""The sensors that a test waits for. The others look as seldom as ever: each look that finds something is a run."""
TICK_SECONDS = 2


def replace(module: Any, **values: object) -> None:
    """Sets constants of a module that are read when they are used; there is none of them that it does not have."""
    for name, value in values.items():
        assert hasattr(module, name), name
        setattr(module, name, value)


@dg.definitions
def defs() -> dg.Definitions:
    """All definitions, in a hurry."""
    replace(sensors, FIRST_RETRY_WAIT=FIRST_WAIT)
    replace(sync_breaker, WAITS={**sync_breaker.WAITS, "outage": PROBES})
    replace(closing, RunOptions=partial(RunOptions, patience=PATIENCE))
    replace(tell_problems, REST=timedelta(seconds=1))
    # Each run begins in a copy of a process that has imported everything: importing takes most of a run of seconds.
    multiprocessing.set_forkserver_preload(["dagster._grpc.impl", "flybill_pipeline.definitions"])
    replace(SpawnContext, Process=ForkServerProcess)
    made = build_defs(load_settings())
    found = {sensor.name: sensor for sensor in made.sensors or ()}
    for name in HURRIED:
        replace(found[name], _min_interval=TICK_SECONDS)
    return made


if __name__ == "__main__":
    replace(up, serve=partial(up.serve, code=MODULE))
    cli.main()

"""Less patience than in production: for servers on loopback, and for a Stripe that is not there. No assertions here."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from unittest.mock import patch

from flybill_pipeline.steps.sync.options import RunOptions
from flybill_pipeline.stripe_gateway.gateway import Gateway
from flybill_pipeline.toolbox import closing

SILENT = "http://127.0.0.1:9"
"""An address where nobody listens."""


class ImpatientGateway(Gateway):
    """The same, but for how long it waits."""

    timeout = 5.0


@contextmanager
def no_waiting() -> Iterator[None]:
    """Runs of the sync in this process give up at once, where others try for half a minute.

    Until a few calls have failed they go on: who does not sleep between them at all takes a processor for itself.
    """
    impatient = partial(RunOptions, patience=timedelta(0), sleep=lambda seconds: time.sleep(min(seconds, 0.02)))
    with patch.object(closing, "RunOptions", impatient):
        yield

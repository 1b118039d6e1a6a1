"""The commands of flybill with a clock that stands: `python -m flybill_pipeline_tests.bench.standing_clock owes ORG`.

Only the clock is another one, the moment that VARIABLE names; what is asked and measured is not known here.
"""

import gc
import os
from dataclasses import replace
from datetime import datetime

from flybill_pipeline.cli.start import main

VARIABLE = "BENCH_NOW"


def stand() -> None:
    """From here on every toolbox of this process has that clock."""
    from flybill_pipeline.settings import Settings
    from flybill_pipeline.toolbox import wiring
    from flybill_pipeline.toolbox.tools import Toolbox

    now, build = datetime.fromisoformat(os.environ[VARIABLE]), wiring.build_toolbox

    def standing(settings: Settings) -> Toolbox:
        return replace(build(settings), now=lambda: now)

    wiring.build_toolbox = standing


if __name__ == "__main__":
    gc.disable()  # as the command does while it imports
    stand()
    main()

"""Where `flybill` begins: imports the commands, then runs one. Nothing else belongs here; the commands: commands.py."""

import gc
import os
import sys

INCOMPLETE = 1
"""What Ctrl-C ends with, whenever it comes."""


def main() -> None:
    """The entry point. What is imported stays, so nobody looks through it for what can go: a sixth of `owes`.

    It is frozen before the collector is on again, which would begin with a look through all of it; and at the end,
    where Python looks through all that there is: files and connections were closed by who opened them.
    """
    try:
        gc.disable()
        from flybill_pipeline.cli import commands

        gc.freeze()
        gc.enable()
        try:
            commands.main()
        finally:
            if "duckdb" not in sys.modules:  # it prints what Python did not take back from it, one line for each
                gc.freeze()
    except KeyboardInterrupt:  # between the commands: one that works ends by itself
        os._exit(INCOMPLETE)  # what is half imported would only complain


if __name__ == "__main__":
    main()

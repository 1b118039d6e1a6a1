"""`flybill`: the families of commands put together, and how a command ends. No command stands here.

Exit status: 0 done, 1 the work is incomplete (held or failed organizations), 2 wrong usage or wrong input.
Dagster, DuckDB and stripe are imported by the commands that need them, so that `owes` answers at once.
"""

import gc
import sys

import click

from flybill_pipeline.cli.arguments import take_utf8
from flybill_pipeline.cli.asking import ASKING
from flybill_pipeline.cli.beginning import BEGINNING
from flybill_pipeline.cli.billing import BILLING
from flybill_pipeline.cli.demo import demo
from flybill_pipeline.cli.events import EVENTS
from flybill_pipeline.cli.examples import show_examples
from flybill_pipeline.cli.exporting import EXPORTING
from flybill_pipeline.cli.imports import IMPORTS
from flybill_pipeline.cli.keeping import KEEPING
from flybill_pipeline.cli.render import screen
from flybill_pipeline.cli.serving import SERVING

NEW_OBJECTS = 20_000
"""After so many it is looked for those that nothing leads to but themselves."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="flybill-pipeline")
def flybill() -> None:
    """Usage billing: compile usage, price it, finalize one invoice a month, sync it to Stripe exactly once."""


for command in (*BEGINNING, demo, *SERVING, *KEEPING, *IMPORTS, *BILLING, *ASKING, *EXPORTING, *EVENTS):
    flybill.add_command(command)
take_utf8(flybill)
show_examples(flybill)


def main() -> None:
    """The entry point: errors of input and environment become one sentence and exit status 2, never a traceback."""
    screen.open_what_is_closed()
    screen.tolerate_any_text()
    spare_the_collector()
    try:
        _run()
    except click.Abort as stopped:
        if sentence := str(stopped.__cause__ or ""):
            screen.errors(f"flybill: {sentence}")
        sys.exit(1)
    except click.ClickException as error:
        _show_wrong_usage(error)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # who read the answer has seen enough
        screen.reader_left()
        sys.exit(1)
    except Exception as error:
        status = _show_failure(error)
        screen.give_up()
        sys.exit(status)


def spare_the_collector() -> None:
    """What is imported stays: to look through all of it again and again is a tenth of a short command.

    Once a process: what is frozen is never let go, such as connections that nobody closed.
    """
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS)


def _run() -> None:
    """Runs the command that was typed, and hands over all that it printed. Raises BrokenPipeError if nobody reads."""
    try:
        sys.exit(flybill(standalone_mode=False))
    finally:
        screen.hand_over()


def _show_failure(error: Exception) -> int:
    """Tells what ended the command; returns its exit status."""
    from flybill_pipeline.cli.input_errors import INPUT_ERRORS, OF_THE_MACHINE, is_one_of
    from flybill_pipeline.stores.postgres.shortages import REMEDY, shortage

    if is_one_of(INPUT_ERRORS, error):
        screen.errors(f"flybill: {error}")
        return 2
    if is_one_of(OF_THE_MACHINE, error):
        screen.errors(f"flybill: {error}. {REMEDY}")
    elif sentence := shortage(error):
        screen.errors(f"flybill: {sentence}")
    else:
        screen.traceback()
    return 1


def _show_wrong_usage(error: click.ClickException) -> None:
    """As click does it by itself, but through the door that everything is printed through."""
    if isinstance(error, click.UsageError) and error.ctx is not None:
        screen.errors(error.ctx.get_usage())
        screen.error(f"Try '{error.ctx.command_path} {error.ctx.help_option_names[0]}' for help.")
        screen.error()
    screen.errors(f"Error: {error.format_message()}")


if __name__ == "__main__":
    main()

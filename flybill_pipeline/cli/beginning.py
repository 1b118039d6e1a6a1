"""The command that begins: files of one's own to edit. What is in them: `starter`."""

from datetime import UTC, datetime
from pathlib import Path

import click

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.cli.render import screen


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
def init(folder: Path) -> None:
    """Write a small world of your own into FOLDER: prices, source mapping, organizations, items and usage to edit.

    It prints the commands that bill it. Nothing that is there is written over.
    """
    from flybill_pipeline.starter.world import begin

    world = begin(folder, Month.of(datetime.now(UTC)).previous())
    screen.line("Wrote ", ", ".join(world.files), f" in {world.folder}.")
    screen.line(f"Look at them, change what you like; these lines bill {world.month}:")
    screen.line()
    for command in world.commands:
        screen.line(command)


BEGINNING = (init,)

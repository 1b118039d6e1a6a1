"""All commands there are, those of groups too, by what is typed. No assertions here."""

from collections.abc import Iterator

import click

from flybill_pipeline.cli.commands import flybill


def _found(group: click.Group, typed: str) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _found(command, f"{typed}{name} ")
        else:
            yield f"{typed}{name}", command


COMMANDS = dict(_found(flybill, ""))

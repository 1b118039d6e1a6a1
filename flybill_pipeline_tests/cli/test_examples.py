"""`--help` of each command ends with an example that could be typed, and says what a file or folder is."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

import click
import pytest

from flybill_pipeline_tests.cli.every_command import COMMANDS

FORMATS = ("CSV", "JSON", "TOML", "SQLite", "Postgres", "flybill backup")


def help_of(typed: str) -> str:
    context = click.Context(COMMANDS[typed], info_name=f"flybill {typed}", max_content_width=110)
    return COMMANDS[typed].get_help(context)


@pytest.mark.parametrize("typed", COMMANDS)
def test_the_example_of_a_command_could_be_typed(typed: str) -> None:
    *_, title, example = help_of(typed).splitlines()
    assert title.strip() == "Example:"
    program, *words = shlex.split(example)
    path = typed.split()
    assert (program, words[: len(path)]) == ("flybill", path)
    with resilient(COMMANDS[typed]) as command:
        context = command.make_context(typed, words[len(path) :])
    assert all(context.params[each.name or ""] is not None for each in COMMANDS[typed].params if each.required)


@contextmanager
def resilient(command: click.Command) -> Iterator[click.Command]:
    """The command, to which each path is as good as another."""
    paths = [each.type for each in command.params if isinstance(each.type, click.Path)]
    before = [(path, path.exists) for path in paths]
    for path in paths:
        path.exists = False
    try:
        yield command
    finally:
        for path, exists in before:
            path.exists = exists


@pytest.mark.parametrize(
    "typed", [name for name, each in COMMANDS.items() if any(isinstance(p.type, click.Path) for p in each.params)]
)
def test_a_command_that_takes_a_file_names_its_format(typed: str) -> None:
    assert any(form in " ".join(help_of(typed).split()) for form in FORMATS)

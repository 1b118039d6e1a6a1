"""Writes a small world of one's own into a folder: files to edit, and the commands that bill it. Bills nothing.

The files lie in `files/`. What is in braces there is put in: the month, the folder, where `flybill` is.
"""

import os
import re
import shlex
import shutil
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.stores.postgres.shortages import shortage

ON_PATH = "# flybill is on your PATH: nothing to do."


class StarterError(Exception):
    """The folder cannot be made a new world; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class World:
    """What was written: the files, by their paths in the folder, and the lines to type, one after another."""

    folder: Path
    month: Month
    files: tuple[str, ...]
    commands: tuple[str, ...]


def begin(folder: Path, month: Month) -> World:
    """Writes all files of a world whose usage is of `month`; nothing that is there is written over.

    Raises StarterError, and then nothing was written; OSError when the machine is short of something.
    """
    try:
        place = Path(os.path.abspath(folder.expanduser()))  # noqa: PTH100 - links stay as they were typed
    except RuntimeError:
        raise StarterError(f"{folder} begins with ~ and the name of nobody here: write its whole name") from None
    if not str(place).isprintable():  # bytes that are no UTF-8, line breaks: no line to type could name it
        raise StarterError(f"{str(place)!a} has signs that cannot be typed: name another folder")
    texts = _texts(place, month)
    _require_free(place, texts)
    try:
        for path, text in texts.items():
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            with (place / path).open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        if shortage(error):
            raise
        raise StarterError(
            f"{error.filename or place} cannot be written: {error.strerror}. Name a folder of your own"
        ) from None
    block = re.search(r"^```\n(.*?)^```", texts["README.md"], re.MULTILINE | re.DOTALL)
    assert block is not None, "files/README.md shows what is typed"
    return World(place, month, tuple(texts), tuple(block[1].splitlines()))


def _require_free(place: Path, texts: Mapping[str, str]) -> None:
    there = [path for path in texts if os.path.lexists(place / path)]
    if there:
        raise StarterError(
            f"{place} has {', '.join(there)} already, and nothing is written over: name another folder, or move "
            f"{'it' if len(there) == 1 else 'them'} away"
        )


def _texts(place: Path, month: Month) -> dict[str, str]:
    """Path in the folder → its text."""
    values = {"month": str(month), "first_day": str(month.first_day), "folder": shlex.quote(str(place))}
    values["on_path"] = _on_path()
    return {
        path: re.sub(r"\{\{(\w+)\}\}", lambda found: values[found[1]], file.read_text(encoding="utf-8"))
        for path, file in _files(resources.files(__package__) / "files")
    }


def _files(folder: Traversable, above: str = "") -> list[tuple[str, Traversable]]:
    found = list[tuple[str, Traversable]]()
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        found += _files(entry, f"{above}{entry.name}/") if entry.is_dir() else [(f"{above}{entry.name}", entry)]
    return found


def _on_path() -> str:
    """The line of the shell that makes `flybill` known there."""
    programs = sysconfig.get_path("scripts")
    if shutil.which("flybill") or not shutil.which("flybill", path=programs):
        return ON_PATH
    return f'export PATH={shlex.quote(programs)}:"$PATH"'

"""Brings a landed file that lies in a bucket to this machine's disk for as long as it is read. Reads nothing of it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath

from flybill_pipeline.billing.usage.files import Arrival

LONGEST_ENDING = 20


@contextmanager
def on_disk(arrival: Arrival, work: Path) -> Iterator[Arrival]:
    """The arrival of a file that can be read here, below `work`. Raises ObjectsError or OSError.

    What an attempt that was killed has left there is written over by the next one.
    """
    fetch = arrival.file.fetch
    if fetch is None:
        yield arrival
        return
    folder = work / f"fetched-{arrival.number:010d}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        # Its ending says how it is packed; the rest of a name may be longer than a disk takes.
        ending = "".join(PurePosixPath(arrival.file.path).suffixes[-2:])
        here = folder / f"object{ending if len(ending) <= LONGEST_ENDING else ''}"
        fetch(str(here))
        yield replace(arrival, file=replace(arrival.file, location=str(here)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)

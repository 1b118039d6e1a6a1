"""The lakes of a worker's tests share one DuckDB, which may read whatever tests wrote. Not here: what is read.

A process of production has one lake, and opens DuckDB once. Each test has a lake of its own: to open DuckDB for it, and
to teach it the macros, takes longer than to read most of its files. Tests of the fence ask for one of their own.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import duckdb

from flybill_pipeline.stores.files import duck
from flybill_pipeline.stores.files.duck import Limits, _open, _Opened

_Key = tuple[Path, Limits]


class _OfAllTests(dict[_Key, _Opened]):
    """What is open, by how much it may use: wherever below the folder of tests it works."""

    def __contains__(self, key: object) -> bool:
        return super().__contains__(_shared(key))

    def __getitem__(self, key: _Key) -> _Opened:
        return super().__getitem__(_shared(key))

    def __setitem__(self, key: _Key, opened: _Opened) -> None:
        super().__setitem__(_shared(key), opened)

    def __delitem__(self, key: _Key) -> None:
        super().__delitem__(_shared(key))


def _shared(key: Any) -> _Key:
    folder, limits = key
    return _place(folder, limits), limits


def _place(folder: Path, limits: Limits) -> Path:
    tests = Path(tempfile.gettempdir()).resolve()
    return tests if not limits.reads and folder.resolve().is_relative_to(tests) else folder


def _opened_wide(folder: Path, limits: Limits) -> duckdb.DuckDBPyConnection:
    return _open(_place(folder, limits), limits)


def share_duckdb() -> None:
    """From now on the lakes of this process share what is open."""
    duck._opened = _OfAllTests()
    duck._open = _opened_wide


@contextmanager
def duckdb_of_its_own() -> Iterator[None]:
    """As in production: a lake has its own, which reaches nothing else."""
    with patch.object(duck, "_opened", {}), patch.object(duck, "_open", _open):
        yield

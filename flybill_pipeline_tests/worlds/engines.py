"""Engines beside DuckDB and Postgres, where there are any: given by an address, or installed here. Else a skip."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from flybill_pipeline_tests.worlds.clickhouse import serving_clickhouse

SPARK_HERE = "local[2]"


@contextmanager
def engine_address(engine: str) -> Iterator[str]:
    """The address of `clickhouse` or `spark`. One that is given must see the folders of tests."""
    if given := os.environ.get(f"TEST_{engine.upper()}_URL"):
        yield given
    elif engine == "spark":
        pytest.importorskip("pyspark", reason="450 MB and Java: see CONTRIBUTING.md")
        yield SPARK_HERE
    else:
        pytest.importorskip("chdb", reason="560 MB: see CONTRIBUTING.md")
        pytest.importorskip("clickhouse_connect", reason="see CONTRIBUTING.md")
        with serving_clickhouse() as url:
            yield url

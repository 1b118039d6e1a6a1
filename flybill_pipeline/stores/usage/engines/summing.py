"""Which engine sums the days of the lake, and how it is spoken to. What it is asked: `lake/rollup.py`. DuckDB is ours.

An engine reads the Parquet files that a version of a day names, where they lie: the same that the open table names.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Protocol

from flybill_pipeline.billing.usage.tables import NotPulledError
from flybill_pipeline.stores.files.folders import in_bucket

if TYPE_CHECKING:
    import pyarrow as pa

EXACT = "decimal(38, 18)"
DRIVERS = {
    "clickhouse": ("clickhouse_connect", "pip install 'ibis-framework[clickhouse]'"),
    "spark": ("pyspark", "pip install pyspark, or 'pyspark[connect]' for sc://…"),
}
"""What each engine needs to be installed here, and how it comes."""
_PATTERNS = ("*", "?", "{", "}", "[", "]", "::")


@dataclass(frozen=True, slots=True)
class Words:
    """How an engine is spoken to: its dialect of SQL, and a type in which its sums are exact.

    The sum of numbers of 38 digits may have more of them. An engine that refuses such a sum needs no wider type; one
    that says nothing does. With `as_text` quantities come as digits, and the reader sees to it that they fit.
    """

    dialect: str = "duckdb"
    summed_as: str = EXACT
    as_text: bool = False


@dataclass(frozen=True, slots=True)
class FilesAs:
    """Files whose rows an expression reads as a table of these columns, of these types of Ibis."""

    columns: Mapping[str, str]
    files: Sequence[Path]


class Summing(Protocol):
    """An engine that reads files of the lake. Whatever it fails with is a NotPulledError without its address."""

    words: Words

    def answer(self, query: str, tables: Mapping[str, FilesAs]) -> "AbstractContextManager[pa.RecordBatchReader]":
        """The rows of a query over the tables."""
        ...

    def version(self, sees: Path | None) -> str:
        """Its version. Raises NotPulledError when it does not answer, or reads another text in this file than we do."""
        ...


def summing(engine: str, url: str | None) -> Summing | None:
    """The engine of that name, which is not spoken to yet; None for our own."""
    # Imported where it is used: Ibis takes a second.
    if engine == "clickhouse":
        from flybill_pipeline.stores.usage.engines.clickhouse import ClickHouse  # noqa: PLC0415

        return ClickHouse(url or "")
    if engine == "spark":
        from flybill_pipeline.stores.usage.engines.spark import Spark  # noqa: PLC0415

        return Spark(url)
    return None


def why_not(engine: str, url: str | None, lake: str) -> str | None:
    """Why the engine could sum nothing of this lake, with what to do; None where it could. It is not spoken to."""
    if in_bucket(lake):
        return "it reads the lake's folder, and the lake is a bucket: unset FLYBILL_USAGE_ENGINE, or name a folder"
    module, install = DRIVERS[engine]
    if find_spec(module) is None:
        return f"its driver is not installed ({module}): {install}"
    if engine == "clickhouse" and any(each in lake for each in _PATTERNS):
        return (
            f"it takes a folder with any of {' '.join(_PATTERNS)} for a pattern: name another one in FLYBILL_LAKE_URL"
        )
    if engine == "spark" and not (url or "").startswith("sc:") and not ("JAVA_HOME" in os.environ or which("java")):
        return "Spark needs Java here: install it, or name a Spark Connect (sc://…) in FLYBILL_USAGE_ENGINE_URL"
    return None


def require_the_same(told: str, file: Path) -> None:
    """Raises NotPulledError when an engine read another text than there is in the file."""
    if told.strip() != file.read_text("utf-8").strip():
        raise NotPulledError(f"it sees another {file} than this machine: let it see the lake's folder at the same path")

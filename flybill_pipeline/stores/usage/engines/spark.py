"""A Spark that reads files of the lake: on its own cluster, behind Spark Connect, or in this process."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa

from flybill_pipeline.stores.usage.engines.connecting import told_of
from flybill_pipeline.stores.usage.engines.spark_session import spark_session
from flybill_pipeline.stores.usage.engines.summing import FilesAs, Words, require_the_same

HERE = "local[*]"
REFUSES = "spark.sql.ansi.enabled"
"""By which a sum that does not fit is refused, and is not NULL."""
TYPES = {"timestamp(6)": "timestamp_ntz", "int64": "bigint"}
"""What Spark calls otherwise than Ibis does."""


class Spark:
    """The Spark at an address: `sc://host:15002`, or a master such as `spark://host:7077` or `local[4]`."""

    words = Words("pyspark", as_text=True)

    def __init__(self, url: str | None) -> None:
        self._url = url or HERE

    @contextmanager
    def answer(self, query: str, tables: Mapping[str, FilesAs]) -> Iterator[pa.RecordBatchReader]:
        """The rows of a query over the tables. The session stays open: it takes seconds to begin one."""
        mine = f"flybill_{uuid4().hex}"
        with told_of(self._url):
            session = self._session()
            try:
                for name, table in tables.items():
                    _read(session, table).createOrReplaceTempView(f"{mine}_{name}")
                named = ", ".join(f"`{name}` as (select * from `{mine}_{name}`)" for name in tables)  # noqa: S608 - ours
                yield session.sql(f"with {named} select * from ({query})").toArrow().to_reader()  # noqa: S608 - ours
            finally:
                for name in tables:
                    session.catalog.dropTempView(f"{mine}_{name}")

    def version(self, sees: Path | None) -> str:
        """Its version. Raises NotPulledError when it does not answer, or reads another text in this file than we do."""
        with told_of(self._url):
            session = self._session()
            if sees:
                read = _literally(session).text(str(sees), wholetext=True)
                require_the_same("".join(row[0] for row in read.collect()), sees)
            return f"Spark {session.version}"

    def _session(self) -> Any:
        session = spark_session({"spark.remote" if self._url.startswith("sc://") else "spark.master": self._url})
        session.conf.set(REFUSES, "true")
        return session


def _read(session: Any, table: FilesAs) -> Any:
    kinds = ", ".join(f"`{name}` {TYPES.get(kind, kind)}" for name, kind in table.columns.items())
    return _literally(session).schema(kinds).parquet(*map(str, table.files))


def _literally(session: Any) -> Any:
    """A reader to which a name is never a pattern."""
    return session.read.option("__globPaths__", "false")

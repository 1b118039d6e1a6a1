"""A ClickHouse server that reads files of the lake: it must see them at the same path as this machine."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from flybill_pipeline.stores.usage.engines.connecting import connected, told_of
from flybill_pipeline.stores.usage.engines.summing import FilesAs, Words, require_the_same

SETTINGS = {
    "session_timezone": "UTC",
    "join_use_nulls": "1",
    "use_hive_partitioning": "0",  # a folder called `day=…` is no column
    "output_format_arrow_string_as_string": "1",
}


class ClickHouse:
    """The server at an address of Ibis' kind, `clickhouse://user:password@host:8123`."""

    words = Words("clickhouse", summed_as="decimal(76, 18)", as_text=True)  # it says nothing of what does not fit

    def __init__(self, url: str) -> None:
        self._url = url

    @contextmanager
    def answer(self, query: str, tables: Mapping[str, FilesAs]) -> Iterator[pa.RecordBatchReader]:
        """The rows of a query over the tables."""
        named = ", ".join(f'"{name}" as ({_rows(table)})' for name, table in tables.items())
        with connected(self._url) as backend, told_of(self._url):
            asked = f"with {named} select * from ({query})" if named else query  # noqa: S608 - paths are quoted
            stream = backend.con.raw_stream(asked, fmt="ArrowStream", settings=SETTINGS)
            with stream, pa.ipc.open_stream(stream) as rows:
                yield rows

    def version(self, sees: Path | None) -> str:
        """Its version. Raises NotPulledError when it does not answer, or reads another text in this file than we do."""
        text = f"(select c1 from file({_quoted(str(sees))}, 'LineAsString', 'c1 String'))" if sees else "''"  # noqa: S608 - quoted
        with self.answer(f"select version() as version, {text} as seen", {}) as rows:
            (told,) = rows.read_all().to_pylist()
        if sees:
            require_the_same(told["seen"] or "", sees)
        return f"ClickHouse {told['version']}"


def _rows(table: FilesAs) -> str:
    """Columns by their names: a table function reads them in the order of the file."""
    columns = ", ".join(f'"{name}"' for name in table.columns)
    return " union all ".join(
        f"select {columns} from file({_quoted(str(file))}, 'Parquet')"  # noqa: S608 - quoted
        for file in table.files
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

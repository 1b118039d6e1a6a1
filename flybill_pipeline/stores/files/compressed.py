"""Makes a compressed landed file readable for DuckDB where its own reader cannot look inside. No parsing here."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

CODECS: dict[str, Literal["gzip", "zstd"]] = {".gz": "gzip", ".zst": "zstd"}


@contextmanager
def readable(location: str, work: Path) -> Iterator[str]:
    """A path that DuckDB can read: the file itself, or for a compressed Parquet file its content unpacked in `work`.

    Text is unpacked by DuckDB as it reads; Parquet has to be read from its end. Raises OSError when the file is torn.
    """
    file = Path(location)
    codec = CODECS.get(file.suffix)
    if codec is None or Path(file.stem).suffix != ".parquet":
        yield location
        return
    import pyarrow as pa  # not at the top: whoever only reads the lake would wait for it

    unpacked = work / file.stem
    with pa.input_stream(str(file), compression=codec) as packed, unpacked.open("wb") as plain:
        shutil.copyfileobj(packed, plain, 1024 * 1024)
    yield str(unpacked)

"""What tells that rows of a day changed, as a number that an engine adds up exactly. Which rows: rollup.py.

Each engine hashes in its own way, so a digest is only ever compared with one of the same engine. One that differs has
its day summed again, and nothing else: a hash that changes with a version of an engine bills nothing.
"""

from collections.abc import Sequence
from typing import Any

import ibis

WHOLE = "decimal(38, 0)"
BETWEEN, NONE = "\x1f", "\x1e"


def _own(name: str, takes: str, gives: str) -> Any:
    """A function of an engine that Ibis has no word for."""

    def stub(value: Any) -> None: ...

    return ibis.udf.scalar.builtin(stub, name=name, signature=((takes,), gives))


_in_spark = _own("xxhash64", "string", "int64")  # Ibis' own has 32 bits
_bytes_in_trino, _hash_in_trino = _own("to_utf8", "string", "binary"), _own("xxhash64", "binary", "binary")
_number_in_trino = _own("from_big_endian_64", "binary", "int64")


def digest(values: Sequence[Any], engine: str) -> Any:
    """The hash of a row's values in that engine, such as can be summed: of equal rows each counts."""
    texts = [value if value.type().is_string() else value.cast("string") for value in values]
    text = ibis.literal(BETWEEN).join([each.fill_null(NONE) for each in texts])
    if engine == "pyspark":
        hashed = _in_spark(text)
    elif engine == "trino":
        hashed = _number_in_trino(_hash_in_trino(_bytes_in_trino(text)))
    else:
        hashed = text.hash()
    return hashed.cast(WHOLE)

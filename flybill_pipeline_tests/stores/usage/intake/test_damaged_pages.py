"""A bit that was flipped on a file's way changes no quantity without a word, where the file has checksums."""

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flybill_pipeline.billing.usage.files import Broken, Taken
from flybill_pipeline_tests.stores.usage.intake.reading import Reader, plain_source

ROWS = 400
USED: dict[str, list[Any]] = {
    "id": [f"e{row}" for row in range(ROWS)],
    "org": [f"o{row % 3}" for row in range(ROWS)],
    "meter": ["m"] * ROWS,
    "q": [Decimal(row) / 8 for row in range(ROWS)],
    "ts": ["2026-10-05"] * ROWS,
    "region": [f"r{row % 7}" for row in range(ROWS)],
}
SOURCE = plain_source("parquet", allow_negative=True)
WRITTEN: list[dict[str, Any]] = [
    {"compression": compression, "data_page_version": version, "use_dictionary": dictionary}
    for compression, version, dictionary in (("none", "1.0", False), ("snappy", "2.0", False), ("zstd", "2.0", True))
]


def pages(content: bytes, column: int) -> list[int]:
    """A byte of the last page of the column in each group of rows."""
    groups = pq.ParquetFile(pa.BufferReader(content)).metadata
    chunks = [groups.row_group(group).column(column) for group in range(groups.num_row_groups)]
    return [(each.dictionary_page_offset or each.data_page_offset) + each.total_compressed_size - 2 for each in chunks]


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :]


@pytest.mark.parametrize("how", WRITTEN, ids=lambda how: how["compression"])
def test_a_damaged_page_is_told_where_the_mapping_reads_it(reader: Reader, how: dict[str, Any]) -> None:
    file = reader.root / "given.parquet"
    given = pa.table(USED).append_column("note", pa.array(["x"] * ROWS))
    pq.write_table(given, file, data_page_size=500, row_group_size=150, write_page_checksum=True, **how)
    whole = file.read_bytes()
    assert len(reader.read(file, SOURCE).events) == ROWS
    for column in range(6):
        for place in pages(whole, column):
            file.write_bytes(flipped(whole, place))
            outcome = reader.read(file, SOURCE).outcome
            assert isinstance(outcome, Broken), (column, place)
            assert "checksum" in outcome.reason
    file.write_bytes(flipped(whole, pages(whole, 6)[0]))
    assert isinstance(reader.read(file, SOURCE).outcome, Taken)

"""Whatever a Parquet file says of its pages, looking for damaged ones comes to an end. What is told: intake."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flybill_pipeline.stores.files.page_checksums import damaged_page

ENDLESS = b"\xff" * 8 + b"\x7f"
"""The largest whole number."""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("parquet") / "a.parquet"


@given(footer=st.binary(max_size=60))
@example(footer=b"\x19" * 5000)  # lists of lists
@example(footer=b"\x1c" * 5000)  # structs in structs
@example(footer=b"\x19\xf7" + ENDLESS)  # more doubles than there are bytes
@example(footer=b"\x19\xf1" + ENDLESS)  # more flags
@example(footer=b"\x18" + ENDLESS)  # a text
@example(footer=b"\x49\x1c\x19\x1c\x3c\x39\x18\x01a\x96\x80\x01\x46\x07")  # a column that begins before the file
def test_no_footer_is_too_much(file: Path, footer: bytes) -> None:
    file.write_bytes(b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1")
    assert damaged_page(file, {"a"}) is None

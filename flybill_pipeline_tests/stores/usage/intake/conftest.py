"""What tests of intake share: one lake without a database, into which any number of files is read."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from flybill_pipeline_tests.stores.usage.intake.reading import Reader


@pytest.fixture(scope="session")
def reader() -> Iterator[Reader]:
    """Reads files; nothing of one can be seen by the next."""
    with TemporaryDirectory(prefix="flybill-read-") as folder:
        yield Reader(Path(folder))

"""A home of its own for each test of services."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from flybill_pipeline_tests.local.users import processes


@pytest.fixture
def home() -> Iterator[Path]:
    """A home of its own; whatever a failed test left running there is killed."""
    made = Path(tempfile.gettempdir()) / f"flybill-home-{uuid4().hex[:8]}"
    made.mkdir()
    yield made
    for leftover in processes(str(made)):
        os.kill(leftover, signal.SIGKILL)
    shutil.rmtree(made, ignore_errors=True)

"""Dagster's own programs in a checkout, with no variable set: they work in the home that `flybill` works in."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text

from flybill_pipeline.local.keeper import joined
from flybill_pipeline_tests.conftest import PROJECT


@pytest.fixture
def home() -> Iterator[Path]:
    made = Path(f"/tmp/flybill-home-{uuid4().hex[:8]}")
    yield made
    shutil.rmtree(made, ignore_errors=True)


def test_dagsters_own_program_brings_up_what_it_needs_and_records_in_the_home(home: Path) -> None:
    home.mkdir(mode=0o700)
    command = [
        sys.executable,
        "-m",
        "dagster",
        "asset",
        "materialize",
        "-m",
        "flybill_pipeline.definitions",
        "--select",
        "stripe_payments",
    ]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "FLYBILL_HOME": str(home)}
    with joined(home, "postgres") as address:  # or it would be gone when the program ends
        done = subprocess.run(command, env=environment, cwd=PROJECT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        dagster, flybill = (create_engine(address.format(name)) for name in ("dagster", "flybill"))
        with dagster.connect() as connection:
            assert connection.scalars(text("select status from runs")).all() == ["SUCCESS"]
        with flybill.connect() as connection:
            assert connection.scalar(text("select tried_at from flybill.payment_polls")) is not None
        dagster.dispose()
        flybill.dispose()
    assert not (home / "run" / "emulator.json").exists()  # what it brought up went with it

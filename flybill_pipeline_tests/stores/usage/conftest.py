"""A bucket on loopback, for what lies in one: landed files, or the lake. Its server is started once for a module."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from flybill_pipeline.stores.files import objects
from flybill_pipeline.stores.files.objects import Objects
from flybill_pipeline_tests.worlds.buckets import Buckets


@pytest.fixture(scope="module")
def server() -> Iterator[Buckets]:
    with Buckets().running() as running:
        yield running


@pytest.fixture
def bucket(server: Buckets, monkeypatch: pytest.MonkeyPatch) -> Iterator[Buckets]:
    server.let_in(monkeypatch)
    monkeypatch.setattr(objects, "_AGAIN", {"max_retries": 1, "retry_timeout": timedelta(seconds=2)})
    server.fault = None
    yield server
    server.fault = None
    for lying in list(Objects("s3://zone").all()):
        server.remove(lying.path)

"""What flybill asks of a bucket, asked of those that TEST_BUCKETS names: another one than moto's S3. Else a skip.

Such as `az://test gs://test`, with the variables that let flybill in. All is done in a folder that is made anew.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from flybill_pipeline.billing.usage.files import Arrival, NotRead
from flybill_pipeline.steps.usage.publish_lake import publish_lake
from flybill_pipeline.stores.files.folders import ObjectsError
from flybill_pipeline.stores.files.objects import Objects
from flybill_pipeline.stores.usage.intake.landing import Landing
from flybill_pipeline.stores.usage.lake.storage import NOTE, InBucket
from flybill_pipeline.stores.usage.published.ledger import PublishedLedger
from flybill_pipeline.stores.usage.published.open_tables import OpenTables
from flybill_pipeline_tests.stores.usage.published.test_published import Priced
from flybill_pipeline_tests.stores.usage.usage_world import DAY, NOW, UsageWorld, edge, jsonl

GIVEN = os.environ.get("TEST_BUCKETS", "").split()
ODD = (
    "a b.jsonl",
    "#.jsonl",
    "?.jsonl",
    "100%.jsonl",
    "%41.jsonl",
    "ü-日本😀.jsonl",
    "+.jsonl",
    "'\".jsonl",
    "a[1]*.jsonl",
)
pytestmark = pytest.mark.skipif(not GIVEN, reason="TEST_BUCKETS names none: see CONTRIBUTING.md")


@pytest.fixture(params=GIVEN or [""])
def folder(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a folder in the bucket, with a blank in its name."""
    url = f"{request.param}/of a test {uuid4().hex}"
    yield url
    objects = Objects(url)
    for lying in list(objects.all()):
        objects.remove(lying.path)


@pytest.fixture
def world(tmp_path: Path, engine: Engine, folder: str) -> UsageWorld:
    """A machine whose landing zone and lake lie in the bucket."""
    made = UsageWorld(tmp_path, engine, lake=f"{folder}/the lake")
    made.landing = Landing(f"{folder}/landing", made.sources)
    return made


def test_files_are_read_once_whatever_they_are_called_and_again_when_they_change(
    world: UsageWorld, folder: str, tmp_path: Path
) -> None:
    bucket = Objects(f"{folder}/landing")
    for nth, name in enumerate(ODD):
        bucket.write(jsonl(edge(nth, gb=1)).encode(), f"edge/{name}")
    assert sorted(file.path for file in world.run().files) == sorted(f"edge/{name}" for name in ODD)
    assert world.quantities() == {"acme": f"{len(ODD)}"}
    assert world.run().files == ()
    (tmp_path / "100%.jsonl").write_text(jsonl(edge(3, gb=9)))
    assert world.landing.land(tmp_path / "100%.jsonl", "edge", replace=True).path == "edge/100%.jsonl"
    assert [file.path for file in world.run().files] == ["edge/100%.jsonl"]
    assert world.quantities() == {"acme": f"{len(ODD) + 8}"}


def test_a_file_that_changes_between_listing_and_fetching_is_left_for_the_next_time(
    world: UsageWorld, folder: str
) -> None:
    bucket = Objects(f"{folder}/landing")
    bucket.write(jsonl(edge(1, gb=5)).encode(), "edge/a.jsonl")
    [file] = world.landing.files()
    bucket.write(jsonl(edge(1, gb=6)).encode(), "edge/a.jsonl")
    left = world.lake.take(Arrival(1, 1, NOW, file))
    assert isinstance(left, NotRead)
    assert "changed while it was fetched" in left.reason
    world.run()
    assert world.quantities() == {"acme": "6"}


def test_a_lake_is_read_without_its_copy_and_published(world: UsageWorld, folder: str, engine: Engine) -> None:
    Objects(f"{folder}/landing").write(jsonl(edge(1, gb=5), edge(1, gb=5), edge(2, gb="x")).encode(), "edge/a.jsonl")
    world.run()
    shutil.rmtree(world.lake.root)
    assert world.quantities() == {"acme": "5"}
    tables = OpenTables(world.lake.storage, engine, "own")
    publish_lake(tables, PublishedLedger(engine), Priced(), world.catalog, NOW)
    with tables.opened():
        assert tables.counted() == {DAY: (1, 1)}


def test_of_two_that_claim_one_does(world: UsageWorld, folder: str) -> None:
    free = InBucket(f"{folder}/free", world.lake.root)
    free.claim("one")
    free.claim("two")
    assert free.read(NOTE) == "one"


def test_a_large_file_comes_back_as_it_went(folder: str, tmp_path: Path) -> None:
    """It goes in parts."""
    sent, got = tmp_path / "sent", tmp_path / "got"
    sent.write_bytes(os.urandom(25 * 1024 * 1024))
    bucket = Objects(folder)
    bucket.put(sent, "large.bin")
    [lying] = bucket.all()
    bucket.fetch(lying, got)
    assert got.read_bytes() == sent.read_bytes()
    assert bucket.opened("large.bin").read() == sent.read_bytes()


def test_a_bucket_that_is_not_there_is_said(folder: str, tmp_path: Path) -> None:
    scheme, _, _ = folder.partition("://")
    gone = Objects(f"{scheme}://gone-{uuid4().hex}/lake")
    (tmp_path / "x").write_text("x")
    for ask in (
        lambda: list(gone.all()),
        lambda: gone.write(b"x", "x"),
        lambda: gone.create(b"x", "x"),
        lambda: gone.put(tmp_path / "x", "x"),
    ):
        with pytest.raises(ObjectsError, match=r"/lake: there is no such bucket: correct its name$"):
            ask()

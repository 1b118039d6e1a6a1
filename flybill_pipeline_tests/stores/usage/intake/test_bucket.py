"""A landing zone in a bucket is read as a folder is: each object once, whatever the bucket does meanwhile."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from flybill_pipeline.billing.usage.files import Arrival, Broken, NotRead, Taken
from flybill_pipeline.operating import probes
from flybill_pipeline.steps.usage.record_usage import FilesNotReadError
from flybill_pipeline.stores.files import objects
from flybill_pipeline.stores.files.folders import ObjectsError
from flybill_pipeline.stores.files.objects import Lying, Objects
from flybill_pipeline.stores.usage.intake.landing import Landing, LandingError
from flybill_pipeline_tests.stores.usage.usage_world import NOW, UsageWorld, edge, gz, jsonl
from flybill_pipeline_tests.worlds.buckets import Buckets, Fault, broken, cut, full, refusing, silent, unpacking


@pytest.fixture
def world(tmp_path: Path, engine: Engine, bucket: Buckets) -> UsageWorld:
    """One whose landing zone is a part of the bucket."""
    made = UsageWorld(tmp_path, engine)
    made.landing = Landing("s3://zone/landing", made.sources)
    return made


def test_objects_are_read_once_and_again_when_they_change(world: UsageWorld, bucket: Buckets) -> None:
    bucket.put("landing/edge/2026/a b?#.jsonl", jsonl(edge(1, gb=5)).encode())
    packed = gz(jsonl(edge(2, gb=2)))
    bucket.put("landing/edge/b.jsonl.gz", packed)
    for name in (
        "landing/edge/.part.jsonl",
        "landing/edge/_tmp/c.jsonl",
        "landing/other/d.jsonl",
        "edge/e.jsonl",
        "landing/edge/",
    ):
        bucket.put(name, jsonl(edge(9, gb=100)).encode())
    assert [(file.path, file.rows) for file in world.run().files] == [
        ("edge/2026/a b?#.jsonl", 1),
        ("edge/b.jsonl.gz", 1),
    ]
    assert world.quantities() == {"acme": "7"}
    assert world.run().files == ()
    bucket.put("landing/edge/b.jsonl.gz", packed)  # the same once more
    bucket.put("landing/edge/2026/a b?#.jsonl", jsonl(edge(1, gb=6)).encode())  # within the second, of the same size
    assert [file.path for file in world.run().files] == ["edge/2026/a b?#.jsonl"]
    assert world.quantities() == {"acme": "8"}
    assert not [left for left in (world.lake.root / "work").iterdir() if left.name.startswith("fetched")]


@pytest.mark.parametrize("fault", [broken, cut, silent, refusing])
def test_what_cannot_be_fetched_is_no_bad_file_and_is_read_the_next_time(
    world: UsageWorld, bucket: Buckets, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put("landing/edge/a.jsonl", jsonl(edge(1, gb=5)).encode())
    bucket.fault = fault
    if fault is silent:
        monkeypatch.setattr(objects, "_PATIENCE", {**objects._PATIENCE, "read_timeout": timedelta(milliseconds=500)})
    with pytest.raises(FilesNotReadError, match=r"edge/a\.jsonl .*: s3://zone/landing: the (bucket|file) ") as told:
        world.run()
    assert "HUSH" not in str(told.value)
    assert "<" not in str(told.value)
    assert world.catalog.files("broken") == []
    bucket.fault = None
    monkeypatch.undo()
    bucket.let_in(monkeypatch)
    world.landing = Landing("s3://zone/landing", world.sources)
    assert world.run().rows == 1
    assert world.quantities() == {"acme": "5"}


class KilledError(BaseException):
    """Ends the process, as far as what reads can tell."""


def test_killed_while_it_fetches_it_fetches_again(
    world: UsageWorld, bucket: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put("landing/edge/a.jsonl", jsonl(edge(1, gb=5)).encode())
    bucket.put("landing/edge/b.jsonl", jsonl(edge(2, gb=2)).encode())
    fetch = Objects.fetch
    left = iter([True, False])

    def killed(self: Objects, lying: Lying, to: Path) -> None:
        fetch(self, lying, to)
        if not next(left, False):
            raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(Objects, "fetch", killed)
        with pytest.raises(KilledError):
            world.run()
    assert world.run().rows == 1
    assert world.quantities() == {"acme": "7"}


def test_an_object_that_changes_between_listing_and_fetching_is_left_for_the_next_time(
    world: UsageWorld, bucket: Buckets
) -> None:
    bucket.put("landing/edge/a.jsonl", jsonl(edge(1, gb=5)).encode())
    [file] = world.landing.files()
    bucket.put("landing/edge/a.jsonl", jsonl(edge(1, gb=6)).encode())
    taken: Taken | Broken | NotRead = world.lake.take(Arrival(1, 1, NOW, file))
    assert isinstance(taken, NotRead)
    assert "changed while it was fetched" in taken.reason
    assert world.run().rows == 1
    assert world.quantities() == {"acme": "6"}


def test_a_tag_is_asked_for_in_quotes_also_where_a_listing_has_none(bucket: Buckets, tmp_path: Path) -> None:
    """Azure's has none, and what it says of one object has."""
    bucket.put("tags/a.jsonl", b"{}")
    asked: list[str] = []

    def noting(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        asked.append(environ.get("HTTP_IF_MATCH", ""))
        return broken(environ, start_response)

    bucket.fault = noting
    [lying] = Objects("s3://zone/tags").all()
    for tag in ("0x8D9", '"0x8D9"', 'W/"0x8D9"', ""):
        with pytest.raises(ObjectsError):
            Objects("s3://zone/tags").fetch(lying._replace(tag=tag), tmp_path / "got")
    assert list(dict.fromkeys(asked)) == ['"0x8D9"', 'W/"0x8D9"', ""]


def test_thousands_of_objects_are_listed_page_by_page(world: UsageWorld, bucket: Buckets) -> None:
    for nth in range(2_500):
        bucket.put(f"landing/edge/{nth:05}.jsonl", b"{}")
    bucket.requests.clear()
    assert len(list(world.landing.files())) == 2_500
    assert len(bucket.requests) == 3
    assert bucket.requests[0].startswith("GET /zone?list-type=2")


def test_land_puts_an_object_and_replaces_it_when_told_to(world: UsageWorld, bucket: Buckets, tmp_path: Path) -> None:
    def land(gb: int, *, replace: bool = False) -> str:
        (tmp_path / "a.jsonl").write_text(jsonl(edge(1, gb=gb)))
        landed = world.landing.land(tmp_path / "a.jsonl", "edge", replace=replace)
        return f"{landed.path} {landed.already_there}"

    assert [land(5), land(5)] == ["edge/a.jsonl False", "edge/a.jsonl True"]
    assert bucket.get("landing/edge/a.jsonl") == jsonl(edge(1, gb=5)).encode()
    world.run()
    assert land(7, replace=True) == "edge/a.jsonl False"
    world.run()
    assert world.quantities() == {"acme": "7"}
    other = land(8)
    assert other.startswith("edge/a-")
    bucket.fault = full
    with pytest.raises(LandingError, match=r"a\.jsonl: was not landed|cannot be looked into"):
        land(9, replace=True)
    bucket.fault = None
    assert bucket.get("landing/edge/a.jsonl") == jsonl(edge(1, gb=7)).encode()


def test_a_bucket_that_is_not_there_or_lets_nobody_in_is_a_sentence(
    world: UsageWorld, bucket: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = Landing("s3://nowhere/landing", world.sources)
    with pytest.raises(LandingError, match=r"s3://nowhere/landing: there is no such bucket: correct its name$"):
        list(nowhere.files())
    assert list(nowhere.files(seen_only=True)) == []
    with monkeypatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        with pytest.raises(LandingError, match="the bucket does not answer"):
            list(Landing("s3://zone/landing", world.sources).files())
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(ObjectsError, match="az://zone"):
        list(Objects("az://zone").all())


@pytest.mark.parametrize(
    "name", ["edge//b.jsonl", "edge/a\nb.jsonl", "edge/../b.jsonl", "/edge/b.jsonl", "edge/\x01.jsonl"]
)
def test_an_object_that_stops_the_listing_is_named(world: UsageWorld, bucket: Buckets, name: str) -> None:
    """As cost reports of AWS without a prefix are: their names begin with /."""
    bucket.put("landing/edge/a.jsonl", jsonl(edge(1, gb=5)).encode())
    bucket.put(f"landing/{name}", b"{}")
    with pytest.raises(LandingError) as told:
        world.run()
    assert f"s3://zone/landing: {f'landing/{name}'!r} lies there, and " in str(told.value)
    bucket.remove(f"landing/{name}")
    world.run()
    assert world.quantities() == {"acme": "5"}


def test_a_file_with_a_name_that_no_object_can_have_is_not_landed(
    world: UsageWorld, bucket: Buckets, tmp_path: Path
) -> None:
    (tmp_path / "a\nb.jsonl").write_text(jsonl(edge(1, gb=5)))
    with pytest.raises(LandingError, match=r"'edge/a\\nb\.jsonl' cannot lie there: .* Rename it$"):
        world.landing.land(tmp_path / "a\nb.jsonl", "edge")


def test_a_file_that_the_bucket_unpacks_on_its_way_is_told(world: UsageWorld, bucket: Buckets) -> None:
    """Google's does where it was stored with Content-Encoding: gzip, and gives neither size nor ETag."""
    bucket.put("landing/edge/a.jsonl", jsonl(edge(1, gb=5)).encode())
    bucket.fault = unpacking
    with pytest.raises(FilesNotReadError, match=r"edge/a\.jsonl .*: store it without Content-Encoding: gzip"):
        world.run()


def test_doctor_says_whether_the_bucket_answers(bucket: Buckets) -> None:
    assert probes.bucket("landing zone", "FLYBILL_LANDING_URL", "s3://zone/x").state == "ok"
    nowhere = probes.bucket("landing zone", "FLYBILL_LANDING_URL", "s3://nowhere")
    assert "no such bucket" in nowhere.sentence

"""A bucket that takes no more, from any write on: nothing is lost and nothing twice once there is room."""

from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.table import StaticTable
from sqlalchemy import Engine

from flybill_pipeline.steps.usage.publish_lake import publish_lake
from flybill_pipeline.stores.files.folders import ObjectsError
from flybill_pipeline.stores.usage.lake.ownership import LakeError
from flybill_pipeline.stores.usage.published.ledger import PublishedLedger
from flybill_pipeline.stores.usage.published.open_tables import OpenTables
from flybill_pipeline_tests.stores.usage.published.test_published import Priced
from flybill_pipeline_tests.stores.usage.usage_world import NOW, UsageWorld, edge, jsonl
from flybill_pipeline_tests.worlds.buckets import Buckets, broken, full

LAKE = "s3://zone/the lake"
Answer = Callable[[dict[str, Any], Any], Iterable[bytes]]


def from_the_write(nth: int, bucket: Buckets, fault: Answer, *, kept: bool) -> Answer:
    """All is well until so many writes were answered; then `fault` is. With `kept` each is carried out all the same."""
    writes = count()

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in ("PUT", "POST") or next(writes) < nth:
            return bucket._app(environ, start_response)  # type: ignore[no-any-return]
        if kept:
            list(bucket._app(environ, lambda *_: None))
        return fault(environ, start_response)

    return answer


@pytest.mark.slow
@pytest.mark.parametrize("kept", [False, True], ids=["nothing is written", "only the answer fails"])
def test_whichever_write_fails_first_nothing_is_lost_and_nothing_there_twice(
    tmp_path: Path, engine: Engine, bucket: Buckets, kept: bool
) -> None:
    """Each tenth write of a run that reads, records and publishes; the other case begins between them."""
    world = UsageWorld(tmp_path, engine, lake=LAKE)
    stopped, runs = 0, 0
    for nth in count(5 * kept, 10):
        world.put(f"edge/{nth}.jsonl", jsonl(edge(nth, gb=5), edge(nth, gb=5), edge(-nth - 1, gb="x")))
        runs += 1
        bucket.fault = from_the_write(nth, bucket, broken if kept else full, kept=kept)
        try:
            run(world, engine)
        except (LakeError, ObjectsError) as error:
            assert "s3://zone" in str(error)
            stopped += 1
        bucket.fault = None
        run(world, engine)
        assert world.quantities() == {"acme": f"{5 * runs}"}
        assert told(bucket) == 5 * runs
        if stopped < runs:
            break
    assert stopped > 1
    assert len(list(world.lake.quarantine())) == runs


def run(world: UsageWorld, engine: Engine) -> None:
    world.run()
    publish_lake(OpenTables(world.lake.storage, engine, "own"), PublishedLedger(engine), Priced(), world.catalog, NOW)


def told(bucket: Buckets) -> int:
    """What any reader of the bucket sees."""
    daily = StaticTable.from_metadata(f"{LAKE}/usage/daily", properties=bucket.for_others)
    return sum(int(row["quantity"]) for row in daily.scan().to_arrow().to_pylist())

"""A command's close begins before it reads: what lands while it works does not keep it from its end."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import dagster as dg
import pytest

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.defs.close_began import BEGAN_TAG
from flybill_pipeline.defs.jobs import CLOSE_MONTH, READ_LANDED_FILES, REPAIR_ORG_MONTH
from flybill_pipeline.defs.still_closed import StillClosed
from flybill_pipeline.operating.runs import Runner
from flybill_pipeline.toolbox.tools import Toolbox

MONTH = Month(2026, 10)
NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)


class Told(Runner):
    """Starts nothing; notes what it would have started. Every run takes a minute."""

    def __init__(self) -> None:
        self.time = NOON
        self.asked: list[tuple[str, str | None]] = []
        self.standing, self.kept = frozenset[int](), list[int]()
        breaker = SimpleNamespace(probe_now=lambda _now: None, failing=list)
        tools = SimpleNamespace(
            now=lambda: self.time,
            require_known_sources=lambda: None,
            pulled_tables=SimpleNamespace(compare_again=lambda: None),
            catalog=SimpleNamespace(days_to_record=lambda: [MONTH.first_day]),
            sync_ledger=SimpleNamespace(breaker=breaker),
            lake=SimpleNamespace(guard=SimpleNamespace(require_own=lambda: None)),
            shards=2,
        )
        instance = SimpleNamespace(add_dynamic_partitions=lambda _name, _keys: None)
        super().__init__(dg.Definitions(), cast(dg.DagsterInstance, instance), cast(Toolbox, tools), "process")

    def _still_closed(self, _month: Month) -> StillClosed:
        return cast(StillClosed, SimpleNamespace(shards=self.standing, keep=self.kept.append))

    def _run(
        self,
        job: str,
        partition: str | None = None,
        config: dict[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> bool:
        self.asked.append((job, (tags or {}).get(BEGAN_TAG)))
        self.time += timedelta(minutes=1)
        return True


def quiet(_stage: str, _done: int, _of: int) -> None:
    """No progress is shown."""


@pytest.mark.parametrize("again", [1, 2])
def test_all_its_runs_count_what_had_landed_before_it_read(again: int) -> None:
    runner = Told()
    for _ in range(again):
        began = runner.time
        runner.ingest(quiet)
        runner.close(MONTH, (), quiet)
        runner.repair(MONTH, ["acme"], quiet)
    assert runner.asked[-5][0] == READ_LANDED_FILES
    assert runner.asked[-3:] == [
        (CLOSE_MONTH, began.isoformat()),
        (CLOSE_MONTH, began.isoformat()),
        (REPAIR_ORG_MONTH, began.isoformat()),
    ]


def test_a_close_that_has_read_nothing_leaves_it_to_its_runs() -> None:
    runner = Told()
    runner.close(MONTH, (), quiet)
    assert runner.asked == [(CLOSE_MONTH, None)] * 2


def test_a_shard_that_stands_is_not_run_and_each_other_is_kept_at_its_end() -> None:
    runner = Told()
    runner.standing = frozenset({0})
    runner.close(MONTH, (), quiet)
    assert (runner.asked, runner.kept) == ([(CLOSE_MONTH, None)], [1])


def test_a_close_of_some_organizations_says_nothing_of_their_shard() -> None:
    runner = Told()
    runner.standing = frozenset({0, 1})
    runner.close(MONTH, ["acme"], quiet)
    assert (len(runner.asked), runner.kept) == (1, [])

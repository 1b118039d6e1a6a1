"""A file that comes again as a whole is left out row by row as any repeat is, whatever else is on its day."""

from collections import Counter
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Engine

from flybill_pipeline.stores.usage.lake import days
from flybill_pipeline_tests.stores.usage.usage_world import DAY, UsageWorld, edge, jsonl

Row = tuple[int, int]  # id, quantity


@pytest.fixture
def world(tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> UsageWorld:
    monkeypatch.setattr(days, "MANY", 0)
    return UsageWorld(tmp_path, engine)


def put(world: UsageWorld, name: str, *rows: Row) -> None:
    world.put(f"edge/{name}.jsonl", jsonl(*(edge(n, gb=gb) for n, gb in rows)))


def listed(world: UsageWorld) -> list[tuple[int, int, str]]:
    """Arrival, row and kind of what does not count."""
    return sorted((row.arrival, row.row, row.kind) for row in world.lake.excluded([DAY]))


def by_hand(files: list[list[Row]]) -> list[tuple[int, int, str]]:
    standing = dict[int, int]()
    told = []
    for arrival, rows in enumerate(files, 1):
        for place, (n, gb) in enumerate(rows, 1):
            if n in standing:
                told.append((arrival, place, "duplicate" if standing[n] == gb else "conflict"))
            standing.setdefault(n, gb)
    return sorted(told)


def test_each_row_of_a_file_that_came_again_is_listed(world: UsageWorld) -> None:
    for name in "abc":
        put(world, name, *((n, n) for n in range(100)))
    world.run()
    assert Counter((row.arrival, row.kind) for row in world.lake.excluded([DAY])) == {
        (2, "duplicate"): 100,
        (3, "duplicate"): 100,
    }
    assert world.quantities() == {"acme": str(sum(range(100)))}


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_repeated(world: UsageWorld, seed: int) -> None:
    """Files again as a whole, in another order, in part, with a row of other content, with repeats of their own."""
    random = Random(seed)
    first = [(n, n) for n in range(1, 20)] + [(random.randrange(20), random.choice([3, 3, 4]))] * (seed % 3)
    shuffled, changed = random.sample(first, len(first)), list(first)
    changed[random.randrange(1, 18)] = (random.randrange(2, 18), 7)
    files = [first, *random.choices([first, first, changed, shuffled, first[:-1], [(99, 1)]], k=4)]
    for number, rows in enumerate(files):
        put(world, f"{number}", *rows)
    world.run()
    assert listed(world) == by_hand(files)
    kept = dict[int, int]()
    for n, gb in (row for rows in files for row in rows):
        kept.setdefault(n, gb)
    assert world.quantities() == {"acme": str(sum(kept.values()))}

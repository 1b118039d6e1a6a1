"""A month is never billed without usage that is there: what was not read, or cannot be trusted, stops the close."""

import errno
import os
from collections.abc import Iterator
from typing import Any

import pytest

from flybill_pipeline.stores.usage.intake import readers, take
from flybill_pipeline_tests.stories.troubled_months import USD
from flybill_pipeline_tests.worlds.deployment import Deployments, Flybill, event
from flybill_pipeline_tests.worlds.emulator import Emulators

MONTH = "2025-09"


@pytest.fixture(scope="module")
def flybill(deploy: Deployments, emulators: Emulators) -> Iterator[Flybill]:
    with emulators.lent() as emulator, deploy(emulator, shards=1) as made:
        made.prices("usd.toml", USD)
        made.import_orgs([{"org_id": "acme", "name": "Acme", "currency": "usd"}])
        for name in ("small", "large"):
            made.land(f"{name}.jsonl", [event(name, "acme", 100, f"{MONTH}-05T00:00:00Z")])
        yield made


def full_disk(connection: Any, location: str, source: Any) -> Any:
    if location.endswith("large.jsonl"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return readers.reading(connection, location, source)


def invoiced(flybill: Flybill) -> list[int]:
    return [row[0] for row in flybill.sql("select subtotal_minor from flybill.invoices")]


def test_a_file_that_was_not_read_stops_the_close_and_the_next_one_bills_it(
    flybill: Flybill, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(take, "reading", full_disk)
        stopped = flybill("close", MONTH)
    assert stopped.status == 1
    assert "usage/large.jsonl (source usage)" in stopped.err
    assert "No space left on device" in stopped.err
    assert "nothing is priced or billed" in stopped.err
    assert invoiced(flybill) == []
    assert flybill("quarantine", "--json").json()["broken_files"] == []
    assert flybill("close", MONTH).status == 0
    assert invoiced(flybill) == [200]

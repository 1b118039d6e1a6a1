"""Several months are closed by one command, the oldest first: as after a file of long ago was landed."""

from collections.abc import Iterator

import pytest

from flybill_pipeline_tests.stories.troubled_months import USD
from flybill_pipeline_tests.worlds.deployment import Deployments, Flybill, event
from flybill_pipeline_tests.worlds.emulator import Emulators

MONTHS = ["2025-08", "2025-09", "2025-10"]


@pytest.fixture(scope="module")
def flybill(deploy: Deployments, emulators: Emulators) -> Iterator[Flybill]:
    with emulators.lent() as emulator, deploy(emulator, shards=1) as made:
        made.prices("usd.toml", USD)
        made.import_orgs([{"org_id": org, "name": org, "currency": "usd"} for org in ("acme", "bolt")])
        made.land("old.jsonl", [event(1, "acme", 100, "2025-08-05T00:00:00Z"), event(2, "bolt", 9, "2025-10-05")])
        yield made


def test_all_of_them_are_closed_and_told(flybill: Flybill) -> None:
    ran = flybill("close", MONTHS[0], "--through", MONTHS[-1])
    assert ran.status == 0, ran
    assert [line[:7] for line in ran.out.splitlines() if line.endswith(": 2 organizations")] == MONTHS
    told = flybill("close", MONTHS[0], "--through", MONTHS[-1], "--json").json()
    assert [(each["month"], each["undecided"], each["outcomes"]) for each in told] == [
        (MONTHS[0], 0, {"invoiced": 1, "nothing_to_bill": 1}),
        (MONTHS[1], 0, {"nothing_to_bill": 2}),
        (MONTHS[2], 0, {"carried_forward": 1, "nothing_to_bill": 1}),
    ]


def test_one_that_is_not_done_is_told_by_the_exit_status(flybill: Flybill) -> None:
    flybill.land("unpriced.jsonl", [event(3, "bolt", 1, "2025-11-05T00:00:00Z", meter="nobody_knows")])
    ran = flybill("close", "2025-11", "--through", "2025-12")
    assert (ran.status, "unpriced_meter" in ran.out) == (1, True), ran


@pytest.mark.parametrize(
    ("last", "says"), [("2025-07", "2025-07 is before 2025-08"), ("2999-01", "has not begun yet"), ("x", "2026-10")]
)
def test_a_last_month_that_cannot_be_is_refused(flybill: Flybill, last: str, says: str) -> None:
    ran = flybill("close", MONTHS[0], "--through", last)
    assert (ran.status, ran.out, says in ran.err) == (2, "", True), ran

"""What made a month another than the one before it: by whole days while it runs, line by line once it has ended."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.invoicing.terms import EVER
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import total_minor
from flybill_pipeline.billing.words.changes import difference_words, name_words
from flybill_pipeline.billing.words.english import ENGLISH
from flybill_pipeline.billing.words.sentence import say, shown
from flybill_pipeline.questions.changed import Changed
from flybill_pipeline.questions.owed import owed
from flybill_pipeline.toolbox.closing import finalize, price
from flybill_pipeline.toolbox.tools import Toolbox
from flybill_pipeline_tests.worlds.deployment import event
from flybill_pipeline_tests.worlds.organizations import org_row
from flybill_pipeline_tests.worlds.site import Site

OCTOBER, NOVEMBER = Month(2025, 10), Month(2025, 11)
NOON = datetime(2025, 11, 4, 12, tzinfo=UTC)


@pytest.fixture
def site(tools: Toolbox) -> Iterator[Site]:
    """Acme used $1.00 a day in October and $2.00 in November, and since then builds; read at noon on the 4th."""
    site = Site(replace(tools, now=lambda: NOON), NOVEMBER, NOON)
    site.tools.organizations.save([org_row("new")], EVER)
    rows = [event(f"o{day}", "acme", 100, f"2025-10-{day:02d}T06:00:00Z") for day in range(1, 32)]
    rows += [event(f"n{day}", "acme", 200, f"2025-11-{day:02d}T06:00:00Z") for day in range(1, 5)]
    rows += [
        event("b", "acme", 600, "2025-11-02T06:00:00Z", meter="builds"),
        event("x", "new", 1, "2025-11-02T06:00:00Z"),
    ]
    file = tools.landing.root / "usage" / "all.jsonl"
    file.parent.mkdir(exist_ok=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    site.bring_in()
    yield site


def told(site: Site, month: Month, now: datetime = NOON, org_id: str = "acme") -> Changed | None:
    return owed(replace(site.tools, now=lambda: now), org_id, month).changed


def read(changed: Changed | None) -> list[str]:
    assert changed is not None
    each = [f"{shown(ENGLISH, name_words(e))}: {say(ENGLISH, difference_words(e, 'usd'))}" for e in changed.changes]
    return [say(ENGLISH, *changed.words), *each]


def test_a_running_month_is_compared_by_its_whole_days(site: Site) -> None:
    """Of the 4th only a part is known: beside a whole day it would seem to be less."""
    assert read(told(site, NOVEMBER)) == [
        "In the first 3 days of November 2025 usage came to $7.00; in as many of October 2025 it came to $3.00. "
        "The minimum of a price is in it; plans, discounts and credits are not.",
        "seconds: $3.00 more: $6.00 for 600 seconds instead of $3.00 for 300 seconds",
        "builds: $1.00 for 10 build minutes; there was none before",
    ]


def test_a_month_that_has_ended_is_compared_as_a_whole_billed_or_not(site: Site) -> None:
    after = datetime(2025, 12, 2, tzinfo=UTC)
    expected = [
        "November 2025 comes to $9.00; October 2025 came to $31.00.",
        "seconds: $23.00 less: $8.00 for 800 seconds instead of $31.00 for 3,100 seconds",
        "builds: $1.00 for 10 build minutes; there was none before",
    ]
    assert read(told(site, NOVEMBER, after)) == expected
    for month in (OCTOBER, NOVEMBER):
        closed = Site(replace(site.tools, now=lambda: datetime(2025, 12, 4, tzinfo=UTC)), month, after)
        closed.price()
        closed.finalize()
    assert read(told(site, NOVEMBER, after)) == expected


def test_where_there_is_nothing_to_compare_with_nothing_is_compared(site: Site) -> None:
    assert told(site, OCTOBER) is None
    assert told(site, NOVEMBER, org_id="new") is None
    assert told(site, NOVEMBER.next()) is None
    assert told(site, NOVEMBER, datetime(2025, 11, 1, 12, tzinfo=UTC)) is None  # no day of it is over


def test_what_is_carried_over_is_no_part_of_months_before_the_first_that_was_closed(site: Site) -> None:
    """A cent of November is too little for an invoice. October, and each month before, came to that cent as well."""
    now = datetime(2025, 12, 4, tzinfo=UTC)
    closed = Site(replace(site.tools, now=lambda: now), NOVEMBER, now)
    for shard in range(site.tools.shards):
        part = ShardMonth(NOVEMBER, shard, now, landed_by=now)
        price(closed.tools, part)
        finalize(closed.tools, part)
    of = {month: owed(closed.tools, "new", month) for month in (OCTOBER, NOVEMBER, NOVEMBER.next())}
    assert [total_minor(each.lines) for each in of.values()] == [0, 1, 1]
    assert of[NOVEMBER].changed is None

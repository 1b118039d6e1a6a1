"""Usage of an alias waits, told everywhere, until it is known whose it is; then it is billed, exactly, however late."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from flybill_pipeline.billing.invoicing.terms import EVER
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.cli.render.month_status import show_overview
from flybill_pipeline.cli.render.owed import show_owed
from flybill_pipeline.cli.render.preview import preview_data
from flybill_pipeline.cli.render.rejected_usage import rejected_data, show_rejected
from flybill_pipeline.questions.explained import explained
from flybill_pipeline.questions.month_status import month_status
from flybill_pipeline.questions.owed import owed
from flybill_pipeline.questions.previewed import preview_file
from flybill_pipeline.questions.rejected_usage import rejected_usage, waited_too_long
from flybill_pipeline.questions.verified import verified
from flybill_pipeline.steps.usage.account_for_usage import account_for_usage
from flybill_pipeline.stores.invoicing.aliases_file import import_aliases
from flybill_pipeline.stores.invoicing.tables import invoices, outcomes
from flybill_pipeline.toolbox.tools import Toolbox
from flybill_pipeline_tests.questions.conftest import made_home, toolbox_at
from flybill_pipeline_tests.worlds.deployment import SOURCES
from flybill_pipeline_tests.worlds.organizations import org_row
from flybill_pipeline_tests.worlds.site import Site

SEP, OCT = Month(2025, 9), Month(2025, 10)
BEGAN = datetime(2025, 10, 3, 6, tzinfo=UTC)


@pytest.fixture
def tools(engine: Engine, tmp_path: Path) -> Iterator[Toolbox]:
    home = made_home(tmp_path)
    (home / "sources.toml").write_text(
        SOURCES.replace('org_id = "org"', 'org_id = { column = "org", alias = true }', 1)
    )
    with toolbox_at(engine, home) as made:
        yield made


def closed(tools: Toolbox, month: Month, now: datetime) -> Site:
    """The month, closed with everything that has landed."""
    site = Site(replace(tools, now=lambda: now), month, now)
    site.bring_in()
    site.price()
    site.finalize()
    return site


def imported(tools: Toolbox, tmp_path: Path, *rows: str) -> tuple[int, int, int]:
    file = tmp_path / "aliases.csv"
    file.write_text("\n".join(["source,alias,org_id,from,until", *rows]))
    orgs = {org.org_id for org in tools.organizations.all()}
    return import_aliases(file, tools.lake.aliases, tools.landing.sources, orgs)


def billed(tools: Toolbox, month: Month) -> dict[str, int]:
    with tools.engine.connect() as connection:
        query = select(invoices.c.org_id, invoices.c.subtotal_minor).where(invoices.c.month == str(month))
        return {org: int(minor) for org, minor in connection.execute(query)}


def waiting(tools: Toolbox, month: Month) -> list[tuple[str, str]]:
    with tools.engine.connect() as connection:
        query = select(outcomes.c.org_id, outcomes.c.code).where(outcomes.c.month == str(month))
        return [(org, code) for org, code in connection.execute(query) if code == "unknown_alias"]


def balanced(tools: Toolbox, month: Month) -> bool:
    accounts = account_for_usage(month, tools.usage, tools.month_checks, tools.lookback_months)
    return all(account.balanced for account in accounts) and bool(accounts)


@pytest.mark.parametrize("turns", [(0, 1, 2), (2, 1, 0), (1, 0, 2)], ids=str)
def test_each_month_in_which_an_alias_waited_is_done_once_it_has_an_owner(
    tools: Toolbox, tmp_path: Path, turns: tuple[int, ...]
) -> None:
    months = [SEP, OCT, OCT.next()]
    for number, month in enumerate(months):
        Site(tools, month, BEGAN).land(number, BEGAN - timedelta(hours=1), f"{month}-05")
    later = datetime(2025, 12, 3, 6, tzinfo=UTC)
    for month in months:
        closed(tools, month, later)
    assert [waiting(tools, month) for month in months] == [[("alias:usage/acme", "unknown_alias")]] * 3
    imported(tools, tmp_path, "usage,acme,acme,,")
    for turn in turns:
        closed(tools, months[turn], later + timedelta(hours=1 + turn))
    assert [waiting(tools, month) for month in months] == [[], [], []]
    closed(tools, months[2].next(), datetime(2026, 1, 3, 6, tzinfo=UTC))
    assert billed(tools, months[2].next()) == {"acme": 700}


def test_an_alias_waits_in_the_open_and_is_billed_late_by_whom_it_is(
    tools: Toolbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tools.organizations.save([org_row("bolt")], EVER)
    site = Site(tools, SEP, BEGAN)
    for number, day in enumerate(("2025-09-05", "2025-09-20", "2025-09-21")):  # $1, $2, $4 of `acme`, an account
        site.land(number, BEGAN - timedelta(hours=1), day)
    closed(tools, SEP, BEGAN)
    assert (billed(tools, SEP), waiting(tools, SEP)) == ({}, [("alias:usage/acme", "unknown_alias")])
    imported(tools, tmp_path, "usage,ACME,bolt,,2025-09-01")
    assert balanced(tools, SEP)

    show_overview(month_status(tools, SEP))
    show_rejected(rejected_usage(tools, "usage", 5))
    show_owed(owed(tools, "bolt", SEP))
    said = capsys.readouterr().out
    assert "3 events wait, of 1 alias that belongs to nobody" in said
    assert "acme of source usage belongs to nobody: 3 events wait (2025-09-05 to 2025-09-21)" in said
    assert "'ACME', which is written nearly so, belongs to bolt" in " ".join(said.split())
    assert "import-aliases" in said
    data = rejected_data(rejected_usage(tools, None, 5))
    assert (data["events_waiting"], data["aliases_waiting"], data["aliases"][0]["alias"]) == (3, 1, "acme")

    assert imported(tools, tmp_path, "usage,acme,bolt,,2025-09-20", "usage,acme,acme,2025-09-20,") == (2, 2, 0)
    late = closed(tools, OCT, datetime(2025, 11, 3, 6, tzinfo=UTC))
    assert billed(late.tools, OCT) == {"bolt": 100, "acme": 600}
    assert balanced(late.tools, SEP)
    assert verified(late.tools, OCT).differing == []
    (line,) = explained(late.tools, "bolt", OCT).lines
    assert [event.quantity for event in line.events] == [100]

    closed(tools, SEP, datetime(2025, 11, 3, 7, tzinfo=UTC))
    assert waiting(tools, SEP) == []
    assert balanced(late.tools, SEP)

    assert imported(tools, tmp_path, "usage,acme,acme,2025-09-20,2025-09-21", "usage,acme,bolt,2025-09-21,") == (
        2,
        1,
        1,
    )
    moved = closed(tools, OCT.next(), datetime(2025, 12, 3, 6, tzinfo=UTC))
    with tools.engine.connect() as connection:
        lines = connection.exec_driver_sql(
            "select org_id, amount_minor from flybill.line_items where month = '2025-11' and kind = 'adjustment'"
        )
        assert {(org, int(minor)) for org, minor in lines} == {("bolt", 400), ("acme", -400)}
    assert balanced(moved.tools, SEP)
    assert verified(moved.tools, OCT).differing == []


def test_what_waited_for_longer_than_is_looked_back_says_so_and_is_billed_as_it_says(
    tools: Toolbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Site(tools, SEP, BEGAN).land(0, BEGAN - timedelta(hours=1), "2025-09-05")
    month = SEP
    for _ in range(4):
        closed(tools, month, month.next().start + timedelta(days=3))
        month = month.next()
    late = replace(tools, now=lambda: month.next().start + timedelta(days=3))
    at_once = replace(
        tools, now=lambda: month.start
    )  # the month before is closed: the next close is of the running one
    assert rejected_usage(at_once, "usage", 5).lookback_for_all == 4
    told = rejected_usage(late, "usage", 5)
    show_rejected(told)
    assert "let it be 4 for the next close" in " ".join(capsys.readouterr().out.split())
    assert (told.lookback_for_all, waited_too_long(late)) == (4, None)
    imported(tools, tmp_path, "usage,acme,acme,,")
    assert waited_too_long(late) == 4
    daily = late.lake.root / "daily"
    elsewhere = daily.rename(tmp_path / "elsewhere")
    assert waited_too_long(late) is None
    elsewhere.rename(daily)
    looking_back = replace(late, settings=late.settings.model_copy(update={"lookback_months": 4}))
    assert waited_too_long(looking_back) is None
    closed(looking_back, month, late.now())
    assert billed(tools, month) == {"acme": 100}


def test_a_preview_says_whose_it_is_and_what_nobody_owns(tools: Toolbox, tmp_path: Path) -> None:
    site = Site(tools, SEP, BEGAN)
    file = site.land(0, BEGAN, "2025-09-05")
    assert preview_data(preview_file(tools, file, "usage"))["unknown_aliases"] == ["acme"]
    imported(tools, tmp_path, "usage,acme,acme,,2025-09-01")
    told = preview_data(preview_file(tools, file, "usage"))["remarks"]
    assert told == {"acme": "at other times it belongs to acme until 2025-09-01"}
    imported(tools, tmp_path, "usage,acme,acme,,-")
    answer = preview_file(tools, file, "usage")
    assert [(each.org_id, Decimal(each.quantity)) for each in answer.preview.sums] == [("acme", Decimal(100))]
    assert (answer.unknown_aliases, answer.unknown_orgs) == ([], [])

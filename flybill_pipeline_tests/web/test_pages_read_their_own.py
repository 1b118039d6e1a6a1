"""No query of a page reads what is of other organizations, or of files that came before: seen in Postgres' plans.

And no page asks the database the same thing twice.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.settings import load_settings
from flybill_pipeline.toolbox import lately
from flybill_pipeline.toolbox.wiring import build_toolbox
from flybill_pipeline.web import views
from flybill_pipeline_tests.bench.bench_pages import page_plans
from flybill_pipeline_tests.bench.year_of_billing import PRICES, SOURCES, Size, bill_a_year, org_id

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
SIZE = Size(orgs=1_200, months=3, lines=2, files=400, days=1)
OF_ONE_ORGANIZATION = 100
"""Rows: more than one of them has in any table, and fewer than all of them, or the files, have in each."""


def test_queries_of_pages_read_rows_of_one_organization(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seconds in ("SECONDS", "MOST_SECONDS"):
        monkeypatch.setattr(lately, seconds, 3600)  # what pages share is found once, however long this test takes
    (tmp_path / "usd.toml").write_text(PRICES)
    (tmp_path / "sources.toml").write_text(SOURCES)
    settings = load_settings(
        {
            "FLYBILL_HOME": str(tmp_path),
            "FLYBILL_DATABASE_URL": engine.url.render_as_string(hide_password=False),
            "FLYBILL_PRICES": str(tmp_path / "usd.toml"),
            "FLYBILL_SOURCES": str(tmp_path / "sources.toml"),
            "STRIPE_API_KEY": "sk_test_x",
        }
    )
    tools = replace(build_toolbox(settings), now=lambda: NOW)
    bill_a_year(tools, SIZE)
    org, month = org_id(SIZE.orgs - 1), Month.of(NOW)
    plans = page_plans(tools, org)
    asked = {
        "overview": sent(tools.engine, lambda: views.overview(tools, org)),
        "running": sent(tools.engine, lambda: views.of_month(tools, org, month)),
        "closed": sent(tools.engine, lambda: views.of_month(tools, org, month.previous())),
    }
    tools.close()
    twice = [query for queries in asked.values() for query, times in Counter(queries).items() if times > 1]
    assert twice == []
    most = {"overview": 18, "running": 16, "closed": 11}
    assert {page: len(queries) for page, queries in asked.items() if len(queries) > most[page]} == {}
    assert len(plans) > 20
    assert [(plan, query) for plan, query in plans if plan.rows > OF_ONE_ORGANIZATION] == []


def sent(engine: Engine, show: Callable[[], object]) -> list[str]:
    """Every statement that the database is sent while a page is made, with its values."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        statements.append(f"{statement} {values!r}")

    event.listen(engine, "before_cursor_execute", note)
    try:
        show()
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return statements

"""From which month on Dagster shows partitions."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, text

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.settings import load_settings
from flybill_pipeline.toolbox.shown_months import shown_from
from flybill_pipeline_tests.stores.billing_world import BillingWorld

NOW = datetime(2025, 10, 15, tzinfo=UTC)
MAY, JUL, AUG, SEP = (Month(2025, number) for number in (5, 7, 8, 9))


def shown(engine: Engine, **variables: str) -> Month:
    url = engine.url.render_as_string(hide_password=False)
    return shown_from(load_settings({"FLYBILL_DATABASE_URL": url, **variables}), NOW)


def test_they_begin_with_last_month_and_grow_back_to_whatever_there_is(engine: Engine) -> None:
    world = BillingWorld(engine)
    world.orgs("acme")
    assert shown(engine) == SEP
    world.draft({"acme": 500}, AUG)
    assert shown(engine) == AUG
    world.finalize(AUG)
    assert shown(engine) == AUG
    with engine.begin() as connection:
        columns = "source, path, version, size, modified_ns, mapping_hash, arrived_at, state"
        connection.execute(
            text(f"insert into flybill.landed_files ({columns}) values ('s', 'f', 1, 1, 1, 'm', now(), 'taken')")
        )
        connection.execute(
            text(
                "insert into flybill.usage_pieces (path, day, arrival, rows) "
                "select 'p', '2025-05-31', arrival, 1 from flybill.landed_files"
            )
        )
    assert shown(engine) == MAY
    assert shown(engine, FLYBILL_FIRST_MONTH="2025-07") == JUL


@pytest.mark.parametrize("url", ["", "postgresql://nobody@127.0.0.1:9/nothing"])
def test_where_no_database_can_be_asked_every_month_that_may_be_billed_is_shown(tmp_path: object, url: str) -> None:
    settings = load_settings({"FLYBILL_HOME": str(tmp_path), "FLYBILL_DATABASE_URL": url})
    assert shown_from(settings, NOW) == Month(2020, 1)


def test_a_new_database_begins_with_last_month(database_url: str) -> None:
    assert shown_from(load_settings({"FLYBILL_DATABASE_URL": database_url}), NOW) == SEP

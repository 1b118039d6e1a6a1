"""When older usage has come, the UI is told to show its month: once, and not while a run is under way."""

from typing import Any, cast

import dagster as dg
import pytest
from sqlalchemy.exc import OperationalError

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.serving import older_months
from flybill_pipeline.serving.older_months import OlderMonths
from flybill_pipeline.settings import load_settings

MAY, JULY, AUG = Month(2026, 5), Month(2026, 7), Month(2026, 8)


class Database:
    """Stands for the billing database: its first month, or that it does not answer."""

    first: Month | None = None
    answers = True

    def first_month(self, _engine: object) -> Month | None:
        if not self.answers:
            raise OperationalError("select", {}, Exception("gone"))
        return self.first


def test_an_older_month_is_shown_once_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    database, settings = Database(), load_settings({"FLYBILL_FIRST_MONTH": "2026-07"})
    monkeypatch.setattr(older_months, "first_month", database.first_month)
    monkeypatch.setattr(older_months, "shown_from", lambda *_: AUG)
    with dg.DagsterInstance.ephemeral() as instance:
        older = OlderMonths(settings, cast("Any", None), instance)
        assert not older.came()  # there is nothing
        database.first = AUG
        assert not older.came()
        database.first = MAY  # before the first month that may be billed: that one is shown, and no earlier
        run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
        assert not older.came()
        instance.report_run_failed(run)
        database.answers = False
        assert not older.came()
        database.answers = True
        assert older.came()
        assert older.shown == JULY
        assert not older.came()


@dg.job
def job() -> None: ...

"""A month that was billed the sum of levels, by a version that knew no better, is told, and waits for a person."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from flybill_pipeline.billing.pricing import line_groups
from flybill_pipeline.questions.verified import verified
from flybill_pipeline.stores.usage.months import fingerprints
from flybill_pipeline.stores.usage.months.measured_usage import MeasuredUsage
from flybill_pipeline_tests.questions.conftest import made_home, toolbox_at
from flybill_pipeline_tests.toolbox.test_aliases import BEGAN, OCT, SEP, billed, closed
from flybill_pipeline_tests.worlds.deployment import SOURCES
from flybill_pipeline_tests.worlds.site import Site


def test_it_is_compared_once_more_and_held_with_its_month(engine: Engine, tmp_path: Path) -> None:
    home = made_home(tmp_path)
    (home / "sources.toml").write_text(SOURCES.replace("dimensions", 'levels = "absolute"\ndimensions', 1))
    with toolbox_at(engine, home) as tools:
        Site(tools, SEP, BEGAN).land(0, BEGAN - timedelta(hours=1), "2025-09-05")
        with pytest.MonkeyPatch.context() as before:
            before.setattr(line_groups, "adds_up_levels", lambda *_: False)
            before.setattr(fingerprints, "_OF_LEVELS", "levels 1")
            before.setattr(MeasuredUsage, "told_rows", lambda *_: None)
            closed(tools, SEP, BEGAN)
        assert billed(tools, SEP) == {"acme": 100}
        late = closed(tools, OCT, datetime(2025, 11, 3, 6, tzinfo=UTC))
        [verdict] = verified(late.tools, SEP).differing
        assert verdict.verdict == "levels_added_up"
        with tools.engine.connect() as connection:
            query = "select org_id, code, message from flybill.outcomes where month = '2025-10' and outcome = 'held'"
            [(org, code, message)] = connection.exec_driver_sql(query).all()
        assert (org, code) == ("acme", "summed_levels")
        assert "2025-09" in message
        assert "tell what the level is" in message

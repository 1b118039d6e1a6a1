"""The toolbox: made without connecting to anything, one engine for all its stores, let go of whatever was opened."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path

import pytest

from flybill_pipeline.settings import Settings, load_settings
from flybill_pipeline.toolbox.tools import Toolbox
from flybill_pipeline.toolbox.wiring import build_toolbox

NOWHERE = "postgresql://nobody@127.0.0.1:9/nothing"
"""An address at which nobody listens: what connects to it fails."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"FLYBILL_HOME": str(tmp_path), "FLYBILL_DATABASE_URL": NOWHERE})


def test_every_tool_is_made_without_connecting(settings: Settings) -> None:
    tools = build_toolbox(settings.model_copy(update={"stripe_api_base": "http://127.0.0.1:9"}))
    names = {
        name for each in Toolbox.__mro__ for name, value in vars(each).items() if isinstance(value, cached_property)
    }
    needing_a_key = {"stripe", "stripe_list", "payment_events"}
    assert needing_a_key < names
    opened = [getattr(tools, name) for name in sorted(names - needing_a_key)]
    assert {each._engine for each in opened if hasattr(each, "_engine")} == {tools.engine}
    tools.close()


def test_what_was_never_opened_is_not_opened_to_be_closed(settings: Settings) -> None:
    tools = build_toolbox(settings)
    tools.close()
    assert set(vars(tools)) == {"settings", "now", "open_stripe", "channels", "post_to", "platform", "reads"}


def test_a_toolbox_with_another_clock_is_else_the_same(settings: Settings) -> None:
    then = datetime(2025, 10, 3, tzinfo=UTC)
    tools = replace(build_toolbox(settings), now=lambda: then)
    assert (tools.now(), tools.shards, tools.shard_of("acme") in range(16)) == (then, 16, True)


def test_the_choices_of_a_deployment_reach_its_decisions(settings: Settings) -> None:
    tools = build_toolbox(settings.model_copy(update={"close_grace_days": 4, "hold_above_multiple": Decimal(0)}))
    assert tools.closing_day == 5
    assert (tools.policy.hold_above_multiple, tools.policy.largest_credit_minor) == (None, 100_000)

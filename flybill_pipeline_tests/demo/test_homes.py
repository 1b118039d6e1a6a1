"""The demo has a home of its own, and never goes among organizations that it did not make up."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.cli.demo import DEMO_HOME, _playful_settings
from flybill_pipeline.cli.input_errors import INPUT_ERRORS, is_one_of
from flybill_pipeline.demo.play import Demo, DemoRefusedError
from flybill_pipeline.demo.world import DemoPlan, is_made_up, org_ids
from flybill_pipeline.settings import load_settings, read_settings
from flybill_pipeline_tests.conftest import PROJECT

PLAN = DemoPlan(Month(2026, 10), 1200, 10_000, 7, 0.1)


def test_among_other_organizations_it_is_refused_before_it_writes_anything(tmp_path: Path) -> None:
    settings = load_settings({"FLYBILL_HOME": str(tmp_path / "home")})
    known = [SimpleNamespace(org_id=name) for name in ("amber-works-000", "acme", "zenith")]
    tools = SimpleNamespace(organizations=SimpleNamespace(all=lambda: known), settings=settings)
    runner: Any = SimpleNamespace(toolbox=tools)
    with pytest.raises(
        DemoRefusedError, match=r"is not the demo's: it has the organization 'acme' and 1 more.*Unset"
    ) as refused:
        Demo(runner, settings, PLAN).close(lambda *_: None)
    assert not (tmp_path / "home").exists()
    assert is_one_of(INPUT_ERRORS, refused.value)


def test_the_organizations_of_a_demo_of_any_size_are_known() -> None:
    assert all(map(is_made_up, org_ids(PLAN)))
    others = (
        "acme",
        "amber-works",
        "amber-works-001",
        "amber-works-0",
        "amber-works-\u0660\u0660\u0660",
        f"amber-works-{'1' * 5000}",
    )
    assert not any(map(is_made_up, others))


def test_its_home_is_another_than_that_of_ones_own_data_unless_one_is_named(tmp_path: Path) -> None:
    own, _ = read_settings({}, home=DEMO_HOME)
    assert (own.home.name, load_settings({}).home.name) == (DEMO_HOME, ".flybill")
    assert Path(own.lake_url).parent == own.home
    named, _ = read_settings({"FLYBILL_HOME": str(tmp_path)}, home=DEMO_HOME)
    assert named.home == tmp_path


def test_make_up_shows_what_make_demo_made() -> None:
    makefile = (PROJECT / "Makefile").read_text()
    assert f'FLYBILL_HOME="$${{FLYBILL_HOME:-{DEMO_HOME}}}" $(BIN)/flybill up' in makefile


def test_it_plays_with_its_own_prices_and_sources_whatever_others_are_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sources.toml").write_text("")
    monkeypatch.setenv("FLYBILL_PRICES", str(tmp_path))
    monkeypatch.setenv("FLYBILL_SOURCES", str(tmp_path / "sources.toml"))
    for name in ("STRIPE_API_KEY", "STRIPE_API_BASE"):
        monkeypatch.delenv(name, raising=False)
    sample = load_settings({})
    assert (_playful_settings().prices, _playful_settings().sources) == (sample.prices, sample.sources)

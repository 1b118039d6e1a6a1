"""Dagster finds our configuration whatever FLYBILL_HOME is called: it looks by a pattern, and misses it silently."""

from pathlib import Path

import pytest
from dagster._core.instance.config import dagster_instance_config

from flybill_pipeline.operating.runs import DAGSTER_YAML, dagster_home
from flybill_pipeline.settings import load_settings


@pytest.mark.parametrize("name", ["plain", "with blank", "[a]", "*?", "x[!y]", "é", "long" * 30])
def test_dagster_works_with_our_configuration_in_a_home_of_any_name(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYBILL_DAGSTER_DATABASE_URL", "postgresql+psycopg2://db/dagster")
    home = dagster_home(load_settings({"FLYBILL_HOME": str(tmp_path / name)}))
    config, _ = dagster_instance_config(str(home))
    assert "custom" in config["storage"]
    assert not config["telemetry"]["enabled"]
    assert home.samefile(tmp_path / name / "dagster")


def test_whoever_reads_our_configuration_finds_it_whole_whatever_others_do(tmp_path: Path) -> None:
    """Half of it, or nothing, would be a configuration too: of runs in SQLite, where no pool holds them apart."""
    settings = load_settings({"FLYBILL_HOME": str(tmp_path)})
    configuration = dagster_home(settings) / "dagster.yaml"
    configuration.write_text("# of an older version")
    with configuration.open() as reading:
        dagster_home(settings)
        assert reading.read() == "# of an older version"
    assert configuration.read_bytes() == DAGSTER_YAML.read_bytes()
    written = configuration.stat()
    dagster_home(settings)
    assert configuration.stat() == written

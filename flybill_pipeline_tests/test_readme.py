"""The README says what is there: commands, make targets, assets, checks, variables. Its prose is nobody's to test."""

import re

import pytest

from flybill_pipeline.cli.commands import flybill
from flybill_pipeline.definitions import build_defs
from flybill_pipeline.settings import as_environment, load_settings
from flybill_pipeline_tests.conftest import PROJECT

README = (PROJECT / "README.md").read_text()
NOTES = (PROJECT / "NOTES.md").read_text()


def test_every_command_that_is_shown_exists_with_its_options() -> None:
    shown = re.findall(r"^(?:\.venv/bin/)?flybill ([a-z-]+)(.*)$", README, re.MULTILINE)
    assert len(shown) >= 7
    for name, rest in shown:
        command = flybill.commands[name]
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", rest.split("#")[0])) <= known, name


def test_every_make_target_that_is_shown_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z]+)", README, re.MULTILINE)) <= targets


def test_the_flow_names_every_asset_and_the_table_every_check() -> None:
    definitions = build_defs(load_settings({}))
    graph = definitions.resolve_asset_graph()
    flow = README[: README.index("## Your own data")]
    for key in graph.get_all_asset_keys():
        assert key.to_user_string() in README, key
    assert "landed_files ─► raw_usage ─► daily_usage ─► monthly_line_items" in flow
    for check in graph.asset_check_keys:
        assert f"`{check.name}`" in README


VALUES = {
    "FLYBILL_SHARDS": "3",
    "FLYBILL_FIRST_MONTH": "2025-05",
    "FLYBILL_ALERT_WEBHOOK_URL": "https://hooks.example",
    "FLYBILL_SMTP_URL": "smtp://mail.example",
}


@pytest.mark.parametrize("variable", sorted(set(re.findall(r"`(FLYBILL_[A-Z_]+|STRIPE_[A-Z_]+)[`=]", README))))
def test_every_variable_that_is_shown_is_read(variable: str) -> None:
    if variable == "STRIPE_TEST_MODE_KEY":  # of a test
        return
    mail = {"FLYBILL_SMTP_URL": VALUES["FLYBILL_SMTP_URL"]} if variable == "FLYBILL_ALERT_EMAIL_TO" else {}
    settings = load_settings({variable: VALUES.get(variable, "1"), **mail})
    assert settings != load_settings(mail), f"{variable} changes nothing"
    assert as_environment(settings)


def test_files_that_the_notes_name_exist() -> None:
    for path in set(re.findall(r"`([a-z_]+/[a-z_/]+\.(?:py|toml))`", README + NOTES)):
        assert (PROJECT / path).exists() or (PROJECT / "flybill_pipeline" / path).exists(), path

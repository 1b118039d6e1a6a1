"""Settings: what the environment says, what it may not say, and what a child process sees of them."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from flybill_pipeline.settings import Settings, SettingsError, as_environment, load_settings
from flybill_pipeline_tests.conftest import PROJECT

KEY = "sk_test_51Hush"
FULL = {
    "FLYBILL_HOME": "/srv/flybill",
    "FLYBILL_DATABASE_URL": "postgresql+psycopg2://db/flybill",
    "FLYBILL_DAGSTER_DATABASE_URL": "postgresql+psycopg2://db/dagster",
    "FLYBILL_LAKE_URL": "/lake",
    "FLYBILL_LANDING_URL": "/landing",
    "FLYBILL_PRICES": "/prices",
    "FLYBILL_SOURCES": "/sources.toml",
    "FLYBILL_USAGE_ENGINE": "duckdb",
    "FLYBILL_STRIPE_LIVE": "1",
    "FLYBILL_STRIPE_RATE": "12.5",
    "FLYBILL_STRIPE_ACCOUNT_RATE": "60.0",
    "FLYBILL_STRIPE_AUTOMATIC_TAX": "1",
    "FLYBILL_FIRST_MONTH": "2025-01",
    "FLYBILL_SHARDS": "4",
    "FLYBILL_LOOKBACK_MONTHS": "2",
    "FLYBILL_WAIVE_SMALL_AMOUNTS": "True",
    "FLYBILL_HOLD_ABOVE_MULTIPLE": "5",
    "FLYBILL_LARGEST_CREDIT_MINOR": "70000",
    "FLYBILL_CLOSE_GRACE_DAYS": "4",
    "FLYBILL_AUTOMATION": "True",
    "FLYBILL_ALERT_WEBHOOK_URL": "https://hooks.example/T0/hush",
    "FLYBILL_ALERT_EMAIL_TO": "ops@example.com, night@example.com",
    "FLYBILL_ALERT_EMAIL_FROM": "billing@example.com",
    "FLYBILL_SMTP_URL": "smtps://billing:hush@mail.example:465",
    "FLYBILL_UI_URL": "https://dagster.example",
    "STRIPE_API_KEY": KEY,
    "STRIPE_API_BASE": "http://127.0.0.1:1",
}


def test_without_a_word_everything_lies_in_a_hidden_folder_here(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings({})
    assert settings.home == tmp_path / ".flybill"
    assert Path(settings.landing_url).parent == Path(settings.lake_url).parent == settings.home
    assert (settings.shards, settings.database_url, settings.stripe_live) == (16, None, False)
    assert settings.uses_local_stripe
    assert (settings.prices / "usd.toml").exists()
    assert settings.sources.exists()


def test_an_empty_variable_is_as_good_as_none() -> None:
    assert load_settings(dict.fromkeys(FULL, "")) == load_settings({})


@pytest.mark.parametrize("name", ["STRIPE_API_KEY", "STRIPE_API_BASE"])
def test_whoever_names_a_stripe_gets_no_stand_in(name: str) -> None:
    assert not load_settings({name: FULL[name]}).uses_local_stripe


@pytest.mark.parametrize("value", ["0", "true", "yes", ""])
def test_only_a_1_allows_live_keys(value: str) -> None:
    assert not load_settings({"FLYBILL_STRIPE_LIVE": value}).stripe_live


def test_a_child_process_sees_the_same_settings() -> None:
    settings = load_settings(FULL)
    assert as_environment(settings) == FULL
    assert load_settings(as_environment(settings)) == settings


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_dagster_gets_an_address_with_a_driver_that_it_works_with(scheme: str) -> None:
    settings = load_settings({"FLYBILL_DAGSTER_DATABASE_URL": f"{scheme}://db/dagster"})
    assert as_environment(settings)["FLYBILL_DAGSTER_DATABASE_URL"] == "postgresql+psycopg2://db/dagster"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FLYBILL_SHARDS", "0"),
        ("FLYBILL_SHARDS", "101"),
        ("FLYBILL_USAGE_ENGINE", "abacus"),
        ("FLYBILL_STRIPE_RATE", "x"),
    ],
)
def test_a_value_that_cannot_be_used_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        load_settings({name: value})


def test_a_first_month_that_is_none_names_its_variable() -> None:
    with pytest.raises(SettingsError, match="FLYBILL_FIRST_MONTH"):
        load_settings({"FLYBILL_FIRST_MONTH": "January"})


def test_the_key_is_in_no_text_of_the_settings() -> None:
    settings = load_settings(FULL)
    assert KEY not in f"{settings} {settings!r} {settings.model_dump_json()}"
    with pytest.raises(SettingsError) as refused:
        load_settings({**FULL, "FLYBILL_SHARDS": "x"})
    assert KEY not in str(refused.value)


def test_settings_do_not_change() -> None:
    settings: Settings = load_settings({})
    with pytest.raises(ValueError, match="frozen"):
        settings.shards = 3


def defaults(module: Path) -> Iterator[tuple[str, str]]:
    """Every parameter and member with a default, with the default as it is written."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            by_place = [*node.args.posonlyargs, *node.args.args]
            with_default = by_place[len(by_place) - len(node.args.defaults) :]
            values: list[tuple[ast.arg, ast.expr | None]] = [*zip(with_default, node.args.defaults, strict=True)]
            values += zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
            yield from ((argument.arg, ast.unparse(value)) for argument, value in values if value is not None)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            yield node.target.id, ast.unparse(node.value)


def test_what_a_deployment_does_unless_told_otherwise_is_said_here_alone() -> None:
    """A second default would be the one that is forgotten when the first is changed."""
    own_words = {"closing_day": "close_grace_days"}  # the same choice under another name
    chosen = {*Settings.model_fields, *own_words}
    elsewhere = [
        (module.name, name, value)
        for module in sorted((PROJECT / "flybill_pipeline").rglob("*.py"))
        if module.name != "settings.py"
        for name, value in defaults(module)
        if name in chosen and value not in ("None", "False", "()")
    ]
    assert elsewhere == []


def test_every_setting_is_tried_here_with_a_value_of_its_own() -> None:
    told_to_no_child = {"STRIPE_WEBHOOK_SECRET"}
    tried = {name.removeprefix("FLYBILL_").lower() for name in {*FULL, *told_to_no_child}}
    assert tried == set(Settings.model_fields)

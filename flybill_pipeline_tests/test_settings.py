"""Settings: what the environment says, what it may not say, and what a child process sees of them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.settings import Settings, SettingsError, as_environment, load_settings
from flybill_pipeline_tests.conftest import PROJECT

KEY = "sk_test_51Hush"
FULL = {
    "FLYBILL_HOME": "/srv/flybill",
    "FLYBILL_DATABASE_URL": "postgresql+psycopg2://db/flybill",
    "FLYBILL_DAGSTER_DATABASE_URL": "postgresql+psycopg2://db/dagster",
    "FLYBILL_LAKE_URL": "/lake",
    "FLYBILL_LAKE_CATALOG": "https://catalog.example/iceberg",
    "FLYBILL_LANDING_URL": "/landing",
    "FLYBILL_EXPORTS": "/exports",
    "FLYBILL_PRICES": "/prices",
    "FLYBILL_SOURCES": "/sources.toml",
    "FLYBILL_USAGE_ENGINE": "clickhouse",
    "FLYBILL_USAGE_ENGINE_URL": "clickhouse://me:hush@warehouse.example:8123/default?secure=true",
    "FLYBILL_STRIPE_LIVE": "1",
    "FLYBILL_STRIPE_RATE": "12.5",
    "FLYBILL_STRIPE_ACCOUNT_RATE": "60.0",
    "FLYBILL_STRIPE_AUTOMATIC_TAX": "1",
    "FLYBILL_STRIPE_NUMBERS": "stripe",
    "FLYBILL_STRIPE_TAX_BEHAVIOR": "inclusive",
    "FLYBILL_STATEMENT_URL": "https://cloud.example/usage/{org}?month={month}",
    "FLYBILL_FIRST_MONTH": "2025-01",
    "FLYBILL_SHARDS": "4",
    "FLYBILL_LOOKBACK_MONTHS": "2",
    "FLYBILL_WAIVE_SMALL_AMOUNTS": "1",
    "FLYBILL_HOLD_ABOVE_MULTIPLE": "5",
    "FLYBILL_LARGEST_CREDIT_MINOR": "70000",
    "FLYBILL_CLOSE_GRACE_DAYS": "4",
    "FLYBILL_AUTOMATION": "1",
    "FLYBILL_ALERT_WEBHOOK_URL": "https://hooks.example/T0/hush",
    "FLYBILL_ALERT_EMAIL_TO": "ops@example.com, night@example.com",
    "FLYBILL_ALERT_EMAIL_FROM": "billing@example.com",
    "FLYBILL_SMTP_URL": "smtps://billing:hush@mail.example:465",
    "FLYBILL_CUSTOMER_MAIL": "1",
    "FLYBILL_EVENTS_URL": "https://cloud.example/events/hush",
    "FLYBILL_EVENTS_SECRET": f"whsec_{'aHVz' * 8} whsec_{'aHVz' * 16}",
    "FLYBILL_UI_URL": "https://dagster.example",
    "FLYBILL_CODE_URL": "https://code.example/you/flybill/tree/main",
    "FLYBILL_PROVIDER_NAME": "Example Cloud",
    "FLYBILL_WEB_URL": "https://billing.example",
    "FLYBILL_CONTACT": "billing@cloud.example",
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


@pytest.mark.parametrize("value", ["0", ""])
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


WRONG = {
    "FLYBILL_DATABASE_URL": ["mysql://db/x", "db", "postgresql://db/\x1b[2J", "postgres://me:a@hush@db/x"],
    "FLYBILL_DAGSTER_DATABASE_URL": ["sqlite:///x", "postgresql+psycopg2://me:@hush:9@db/x"],
    "FLYBILL_LAKE_URL": ["~nobody-here/lake", "ftp://lake/x", "s3://", "file://elsewhere/x", "file://[/x"] + [
        f"s3://zone/{folder}" for folder in ("a#b", "a?sig=hush", "a%20b", "a//b", "../b", ".", "b ", "a\nb")
    ],
    "FLYBILL_LAKE_CATALOG": [" ", "a b", "s3://lake", "https://", "https://me:hush@catalog.example", "1st"],
    "FLYBILL_LANDING_URL": ["\udcff", "ftp://me:hush@x/y", "://x", "file://elsewhere/x", "s3://[", "gs://"],
    "FLYBILL_HOME": ["~nobody-here", "\udcff"],
    "FLYBILL_USAGE_ENGINE": ["abacus"],
    "FLYBILL_USAGE_ENGINE_URL": ["warehouse", "http://me:hush@x", "clickhouse://", "local[0]", "local[*", "sc://x y"],
    "STRIPE_API_BASE": [
        "nonsense", "ftp://x", "http://", "http://x y", "https://x/v1", "http://x:0", "http://x:99999", "https://a:b@x",
        "https://x?a", "http://[::1", "http://é",
    ],
    "STRIPE_WEBHOOK_SECRET": ["whsec_1\n", "whsec 1"],
    "FLYBILL_WEB_URL": ["billing.example", "https://billing.example/pages", "ftp://billing.example"],
    "FLYBILL_CONTACT": [
        "us", "javascript:alert(1)", "a@b.example?subject=x", "a@b.example,c@d.example", "https://me:hush@x.example",
        "\"><b>@x.example", "a@b.example\n",
    ],
    "FLYBILL_LINK_SECRET": ["short", "a secret with blanks in it, though it is long enough", "a" * 31],
    "FLYBILL_STRIPE_LIVE": ["true", "yes", "2"],
    "FLYBILL_STRIPE_AUTOMATIC_TAX": ["true", " 1"],
    "FLYBILL_CUSTOMER_MAIL": ["on"],
    "FLYBILL_STRIPE_RATE": ["x", "0", "-1", "nan", "inf", "1e9"],
    "FLYBILL_STRIPE_ACCOUNT_RATE": ["0"],
    "FLYBILL_STRIPE_NUMBERS": ["1", "Ours"],
    "FLYBILL_STRIPE_TAX_BEHAVIOR": ["1", "net"],
    "FLYBILL_STATEMENT_URL": [
        "https://cloud.example/usage", "cloud.example/{org}", "https://cloud.example/{org}/{day}",
        "https://cloud.example/{org", "javascript:alert({org})", "https://cloud.example/{org!r}/{org}",
        "https://x/ {org}",
    ],
    "FLYBILL_EVENTS_URL": ["cloud.example", "ftp://cloud.example"],
    "FLYBILL_EVENTS_SECRET": [
        "hush", "whsec_", "whsec_aHVz", f"whsec_{'a' * 31}", f"whsec_{'aHVz' * 8} hush", "whsec_é",
    ],
    "FLYBILL_FIRST_MONTH": ["January", "2026-13"],
    "FLYBILL_SHARDS": ["0", "1001", "1.5", "x", "٣x"],
    "FLYBILL_LOOKBACK_MONTHS": ["-1", "25"],
    "FLYBILL_WAIVE_SMALL_AMOUNTS": ["maybe"],
    "FLYBILL_HOLD_ABOVE_MULTIPLE": ["-1", "NaN", "Infinity", "1,5"],
    "FLYBILL_LARGEST_CREDIT_MINOR": ["-1", "0.5", "9" * 30],
    "FLYBILL_CLOSE_GRACE_DAYS": ["28"],
    "FLYBILL_AUTOMATION": ["2"],
    "FLYBILL_ALERT_WEBHOOK_URL": ["hooks.example", "https://hooks.example/a b", "https://hooks.example:x/"],
    "FLYBILL_ALERT_EMAIL_TO": ["ops", "ops@example.com\nBcc: x@example.com", "a@b@c", "ops@example.com,,b@c", "é@x"],
    "FLYBILL_ALERT_EMAIL_FROM": ["nobody", "Ops <ops@example.com>"],
    "FLYBILL_SMTP_URL": ["mail.example", "http://mail.example", "smtp://mail.example:x"],
    "FLYBILL_UI_URL": ["dagster", "javascript:alert(1)"],
    "FLYBILL_CODE_URL": ["https://code.example/you/flybill", "https://code.example/tree/", "file:///you/tree/main"],
    "FLYBILL_PROVIDER_NAME": [" ", "x" * 201, " Cloud", "a\nb"],
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_value_that_cannot_be_used_names_its_variable_and_what_it_must_be(name: str, value: str) -> None:
    rest = {"FLYBILL_SMTP_URL": "smtp://x"} if name == "FLYBILL_ALERT_EMAIL_TO" else {}
    with pytest.raises(SettingsError) as refused:
        load_settings({**rest, name: value})
    sentence = str(refused.value)
    assert re.match(rf"{name} (must be|is no path)", sentence)
    assert sentence.isprintable()


def test_every_setting_that_can_be_wrong_says_what_it_must_be() -> None:
    always_right = {"exports", "prices", "sources"}  # any path
    tried = {name.removeprefix("FLYBILL_").lower() for name in WRONG} | {"stripe_api_key"}
    assert set(Settings.model_fields) - always_right == tried


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("sk_test_SECRET\n", "line break"),
        (" sk_test_SECRET", "blank"),
        ("sk_test_SECRET\r\n", "line break"),
        ("sk_test_SEC\nRET", "no key has"),
        ("sk_test_SEC RET", "no key has"),
        ('"sk_test_SECRET"', "quotation marks"),
        ("“sk_test_SECRET”", "quotation marks"),
        ("sk_test_SECRÉT", "no key has"),
        ("sk_test_SECRET\u200b", "no key has"),
        ("sk_test_\x00SECRET", "no key has"),
        ("sk_live_****SECRET", "shortened"),
        ("sk_live_...SECRET", "shortened"),
        ("pk_test_SECRET", "publishable"),
        ("whsec_SECRET", "webhook"),
        ("SECRET", "sk_ or rk_"),
        ("sk_SECRET", "test_ or live_"),
        ("sk_prod_SECRET", "test_ or live_"),
        ("sk_test_", "test_ or live_"),
        ("sk_test_SECRET/../x", "sk_ or rk_"),
    ],
)
def test_a_key_that_is_none_is_refused_in_a_sentence_that_holds_nothing_of_it(key: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as refused:
        load_settings({"STRIPE_API_KEY": key})
    told = f"{refused.value}{refused.value.__cause__}{refused.value.__dict__}"
    assert "SECRET" not in told
    assert "RET" not in told


@pytest.mark.parametrize("secret", ["https://me:hush@x.example", "sk_live_hush", "rk_test_hush", "whsec_hush"])
@pytest.mark.parametrize("name", ["FLYBILL_CONTACT", "FLYBILL_LOOKBACK_MONTHS", "FLYBILL_USAGE_ENGINE"])
def test_a_secret_that_stands_in_another_variable_is_not_quoted_either(name: str, secret: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} must be") as refused:
        load_settings({name: secret})
    assert "hush" not in str(refused.value)


@given(st.text(min_size=1))
def test_whatever_a_key_is_it_is_taken_whole_or_refused_without_being_named(text: str) -> None:
    secret = f"{text}SECRET"
    try:
        settings = load_settings({"STRIPE_API_KEY": secret})
    except SettingsError as refused:
        assert "SECRET" not in str(refused)
    else:
        assert settings.stripe_api_key is not None
        assert re.fullmatch(r"(sk|rk)_(test|live)_\w+", settings.stripe_api_key.get_secret_value(), re.ASCII)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("FLYBILL_SHARD", "FLYBILL_SHARDS"),
        ("FLYBILL_LAKE", "FLYBILL_LAKE_URL"),
        ("FLYBILL_LOOKBACK_MONTH", "FLYBILL_LOOKBACK_MONTHS"),
        ("FLYBILL_PRICE", "FLYBILL_PRICES"),
        ("FLYBILL_STRIPE_API_KEY", "STRIPE_API_KEY"),
    ],
)
def test_a_variable_that_nobody_reads_is_told_with_what_was_meant(name: str, meant: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{name} is no variable of flybill: do you mean {meant}\?$"):
        load_settings({name: "1"})


def test_a_variable_like_nothing_else_and_one_that_would_write_to_the_screen_are_told_too() -> None:
    with pytest.raises(SettingsError, match=r"^FLYBILL_X\\x1b\[2J is no variable of flybill$"):
        load_settings({"FLYBILL_X\x1b[2J": "1"})


def test_what_kubernetes_and_compose_set_for_their_own_sake_is_nobodys_mistake() -> None:
    port = "tcp://10.0.0.1:5432"
    load_settings(
        {
            "FLYBILL_POSTGRES_SERVICE_HOST": "10.0.0.1",
            "FLYBILL_POSTGRES_SERVICE_PORT": "5432",
            "FLYBILL_POSTGRES_SERVICE_PORT_SQL": "5432",
            "FLYBILL_POSTGRES_PORT": port,
            "FLYBILL_POSTGRES_PORT_5432_TCP": port,
            "FLYBILL_POSTGRES_PORT_5432_TCP_PROTO": "tcp",
            "FLYBILL_POSTGRES_PORT_5432_TCP_ADDR": "10.0.0.1",
            "FLYBILL_PASSWORD": "x",
            "FLYBILL_CONFIG": "/etc/flybill",
            "FLYBILLS": "another program's",
        }
    )


def test_everything_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings({"FLYBILL_SHARDS": "x", "FLYBILL_SHARD": "1", "STRIPE_API_BASE": "x", "FLYBILL_UI_URL": "x"})
    assert [line.split()[0] for line in str(refused.value).splitlines()] == [
        "FLYBILL_SHARD", "STRIPE_API_BASE", "FLYBILL_SHARDS", "FLYBILL_UI_URL",
    ]  # fmt: skip


def test_a_child_process_that_works_elsewhere_finds_the_same_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    names = ("FLYBILL_HOME", "FLYBILL_LAKE_URL", "FLYBILL_LANDING_URL", "FLYBILL_PRICES", "FLYBILL_SOURCES")
    told = as_environment(load_settings(dict.fromkeys(names, "here/it is")))
    assert {told[name] for name in names} == {str(tmp_path / "here" / "it is")}
    assert load_settings({"FLYBILL_LAKE_URL": "file:///srv/lake"}).lake_url == "file:///srv/lake"


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
    told_to_no_child = {"STRIPE_WEBHOOK_SECRET", "FLYBILL_LINK_SECRET"}
    tried = {name.removeprefix("FLYBILL_").lower() for name in {*FULL, *told_to_no_child}}
    assert tried == set(Settings.model_fields)

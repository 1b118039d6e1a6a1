"""A wrong setting is refused by every command before any work begins, all of them at once, and nothing was started."""

from pathlib import Path

import pytest

from flybill_pipeline_tests.cli.every_command import COMMANDS
from flybill_pipeline_tests.worlds.deployment import Flybill

WRONG = {
    "a live key without consent": ({"STRIPE_API_KEY": "sk_live_HUSH"}, "FLYBILL_STRIPE_LIVE=1"),
    "consent without a live key": ({"STRIPE_API_KEY": "sk_test_HUSH", "FLYBILL_STRIPE_LIVE": "1"}, "no live key"),
    "a key with a line break": ({"STRIPE_API_KEY": "sk_test_HUSH\n"}, "line break"),
    "no key for an address": ({"STRIPE_API_BASE": "http://127.0.0.1:9"}, "STRIPE_API_KEY is not set"),
    "a base that is none": ({"STRIPE_API_KEY": "sk_test_HUSH", "STRIPE_API_BASE": "nonsense"}, "STRIPE_API_BASE must"),
    "a folder that cannot be looked at": ({"FLYBILL_PRICES": "n" * 300}, "nnn: is not there"),
    "no price books": ({"FLYBILL_PRICES": "nowhere"}, "nowhere: is not there"),
    "a landing zone that nothing reads": ({"FLYBILL_LANDING_URL": "ftp://u:HUSH@zone"}, "FLYBILL_LANDING_URL must be"),
    "no sources": ({"FLYBILL_SOURCES": "nowhere.toml"}, "nowhere.toml: is not there"),
    "a catalog that nobody described": ({"FLYBILL_LAKE_CATALOG": "polaris"}, "PYICEBERG_CATALOG__POLARIS__URI"),
    "a misspelt variable": ({"FLYBILL_PRICE": "x"}, "do you mean FLYBILL_PRICES"),
}
MONTH = "2026-10"
ARGUMENTS = {
    "demo": (),
    "up": (),
    "webhooks": (),
    "web": (),
    "link": ("acme",),
    "migrate": (),
    "reshard": ("256",),
    "backup": ("copy",),
    "restore": ("copy",),
    "restored": ("--as-of", "2026-10-31T23:00:00Z"),
    "import-orgs": (__file__,),
    "import-items": (__file__,),
    "import-aliases": (__file__,),
    "land": (__file__, "--source", "edge"),
    "preview": (__file__, "--source", "edge"),
    "close": (MONTH,),
    "repair": (MONTH, "--org", "acme"),
    "release": (MONTH, "--org", "acme", "--by", "ada", "--reason", "seen"),
    "credit": ("acme", MONTH, "--line", "1", "--amount", "1", "--reason", "slow"),
    "payments": (),
    "status": (MONTH,),
    "owes": ("acme",),
    "explain": ("acme", MONTH),
    "quarantine": (),
    "reprice": (MONTH, "--prices", "."),
    "verify": (MONTH,),
    "quote": ("--meter", "bandwidth_gb", "--quantity", "1"),
    "events list": (),
    "events replay": ("evt_1",),
    "events send": (),
    "export": ("acme", MONTH, "--format", "csv", "--out", "-"),
}
NEED_NONE = {"init", "emulator", "doctor"}


def test_every_command_is_tried() -> None:
    assert set(ARGUMENTS) | NEED_NONE == set(COMMANDS)


@pytest.mark.parametrize("command", ARGUMENTS)
def test_a_wrong_setting_is_refused_before_any_work_begins(tmp_path: Path, command: str) -> None:
    for variables, says in WRONG.values():
        flybill = Flybill(tmp_path, {"FLYBILL_HOME": str(tmp_path / "home"), **variables})
        ran = flybill(*command.split(), *ARGUMENTS[command])
        assert (ran.status, ran.out) == (2, "")
        assert says in ran.err
        assert "HUSH" not in ran.err
    assert not (tmp_path / "home").exists()


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    wrong = {
        "FLYBILL_HOME": str(tmp_path / "home"),
        "FLYBILL_SHARDS": "x",
        "FLYBILL_ALERT_EMAIL_TO": "ops@example.com",
        "FLYBILL_PRICES": "nowhere",
        "FLYBILL_SOURCES": "nowhere.toml",
        "FLYBILL_PRICE": "x",
        "STRIPE_API_KEY": "sk_live_HUSH",
        "STRIPE_API_BASE": "nonsense",
    }
    ran = Flybill(tmp_path, wrong)("close", MONTH)
    assert ran.status == 2
    assert [name for name in wrong if name not in ran.err] == ["FLYBILL_HOME"]


def test_what_it_bills_by_is_refused_at_once_too(tmp_path: Path) -> None:
    (tmp_path / "usd.toml").write_text("effective_from = yesterday")
    (tmp_path / "sources.toml").write_text("[[sources]]\nname = 1\n")
    variables = {"FLYBILL_PRICES": str(tmp_path), "FLYBILL_SOURCES": str(tmp_path / "sources.toml")}
    ran = Flybill(tmp_path, {"FLYBILL_HOME": str(tmp_path / "home"), **variables})("close", MONTH)
    assert (ran.status, "usd.toml" in ran.err, "sources.toml" in ran.err) == (2, True, True)
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("ports", [("99999",), ("0",), ("-1",), ("65535",), ("3000", "0"), ("3000", "3000")])
def test_a_port_that_is_none_is_refused_before_anything_is_started(tmp_path: Path, ports: tuple[str, ...]) -> None:
    options = [text for each in zip(("--port", "--read-only-port"), ports, strict=False) for text in each]
    ran = Flybill(tmp_path, {"FLYBILL_HOME": str(tmp_path / "home")})("up", *options)
    assert (ran.status, ran.out, "with --port or --read-only-port" in ran.err) == (2, "", True), ran
    assert not (tmp_path / "home").exists()

"""`flybill init` writes a world that bills as it stands, wherever it lies, and never touches what is there."""

import os
import shlex
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.starter.world import StarterError, begin
from flybill_pipeline.stores.pricing.price_books import load_price_books
from flybill_pipeline.stores.usage.intake.sources import load_sources
from flybill_pipeline_tests.worlds.deployment import Deployments, Flybill, Ran
from flybill_pipeline_tests.worlds.emulator import Emulators

MONTH = Month.parse("2026-10")
ODD = 'my "first" world; it\'s $HOME'


def lines_of(ran: Ran) -> list[str]:
    """What the answer tells to type."""
    assert ran.status == 0, ran
    return ran.out.split("\n\n")[1].splitlines()


def said_by(env: Path) -> dict[str, str]:
    """The variables that a shell has after it has read the file."""
    told = subprocess.run(
        ["sh", "-c", f". {shlex.quote(str(env))}; env -0"], capture_output=True, check=True, text=True
    )
    pairs = [each.partition("=") for each in told.stdout.split("\0")]
    return {name: value for name, _, value in pairs if name.startswith("FLYBILL_")}


def test_what_it_prints_bills_a_month_in_a_fresh_home(
    deploy: Deployments, emulators: Emulators, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    month = Month.of(datetime.now(UTC)).previous()
    with emulators.lent() as emulator, deploy(emulator, shards=1) as flybill:
        go, read, *lines = lines_of(flybill("init", ODD))
        assert (shlex.split(go), read) == (["cd", str(tmp_path / ODD)], ". ./env")
        monkeypatch.chdir(tmp_path / ODD)
        flybill.environment.update(said_by(tmp_path / ODD / "env"))
        answers = [flybill(*shlex.split(line)[1:]) for line in lines]
        assert [(ran.status, "Traceback" in ran.err) for ran in answers] == [(0, False)] * len(lines), answers
        assert "acme: You owe $35.10" in answers[-1].out
        assert "sync: finalized  2" in flybill("status", str(month)).out
        assert not list(tmp_path.glob("*/.flybill/postgres")), "the tests' own database was used"


def test_it_never_writes_over_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("mine")
    (tmp_path / "orgs.csv").write_text("mine")
    (tmp_path / "env").symlink_to("nowhere")
    with pytest.raises(StarterError, match=r"has env, orgs.csv already.*name another folder, or move them away"):
        begin(tmp_path, MONTH)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["env", "mine.csv", "orgs.csv"]
    assert (tmp_path / "orgs.csv").read_text() == "mine"


def test_other_files_of_the_folder_stay(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("mine")
    world = begin(tmp_path, MONTH)
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} == {
        *world.files,
        "mine.csv",
    }


@pytest.mark.parametrize("place", ["a file", "a file/below", "/proc/nope"])
def test_a_folder_that_cannot_be_made_is_refused_in_a_sentence(tmp_path: Path, place: str) -> None:
    (tmp_path / "a file").touch()
    ran = Flybill(tmp_path, {})("init", place if place.startswith("/") else str(tmp_path / place))
    assert (ran.status, ran.out) == (2, "")
    assert "Name a folder of your own" in ran.err


def test_it_needs_no_settings_and_starts_nothing(tmp_path: Path) -> None:
    ran = Flybill(tmp_path, {"FLYBILL_HOME": str(tmp_path / "home"), "FLYBILL_SHARDS": "x"})
    assert ran("init", str(tmp_path / "world")).status == 0
    assert not (tmp_path / "home").exists()


def test_every_file_is_read_without_a_fault_and_nothing_is_left_to_fill_in(tmp_path: Path) -> None:
    world = begin(tmp_path, MONTH)
    assert [path for path in world.files if "{{" in (tmp_path / path).read_text()] == []
    assert {book.currency for book in load_price_books(tmp_path / "prices").books} == {"usd"}
    assert set(load_sources(tmp_path / "sources.toml")) == {"usage"}
    assert set(said_by(tmp_path / "env")) == {"FLYBILL_HOME", "FLYBILL_PRICES", "FLYBILL_SOURCES"}


def test_a_flybill_that_is_not_on_the_path_is_put_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = tmp_path / "the bin"
    programs.mkdir()
    (programs / "flybill").touch(mode=0o755)
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(programs))
    monkeypatch.setenv("PATH", os.defpath)
    begin(tmp_path / "world", MONTH)
    shown = f'export PATH={shlex.quote(str(programs))}:"$PATH"'
    assert shown in (tmp_path / "world" / "env").read_text().splitlines()


def test_a_folder_below_that_of_nobody_is_refused_with_a_sentence() -> None:
    with pytest.raises(StarterError, match="~nobody-here/world begins with ~ and the name of nobody here"):
        begin(Path("~nobody-here/world"), MONTH)

"""FLYBILL_HOME may have any name, and is its owner's alone with everything in it: real services in odd homes."""

import grp
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flybill_pipeline.local import short_folders
from flybill_pipeline.local.home import HomeError, prepare_home
from flybill_pipeline_tests.conftest import PROJECT
from flybill_pipeline_tests.local.users import processes
from flybill_pipeline_tests.worlds.other_user import ORDINARY, as_ordinary_user, as_stranger, needs_root, needs_setpriv
from flybill_pipeline_tests.worlds.waiting import wait_until

MARKS = "my home; $(touch pwned) `touch pwned` | & > pwned \n\\n \"q\" 'q' 100% %41 #{x} {0} ?h=1,b:c"
LONG = "-r [a] * ~ é日本" + "ü" * 110 + "/" + "x" * 200
USE = """
import json, os, sys, urllib.request
from sqlalchemy import create_engine, text
from flybill_pipeline.local import services
from flybill_pipeline.settings import load_settings
os.umask(0o022)
with services(load_settings()) as complete:
    for url in (complete.database_url, complete.dagster_database_url):
        with create_engine(url).connect() as connection:
            assert connection.execute(text("select true")).scalar_one()
    with urllib.request.urlopen(complete.stripe_api_base + "/_emulator/report") as answer:
        assert answer.status == 200
    open(complete.home / "made-by-us", "w").close()
    print(json.dumps([complete.database_url, complete.stripe_api_base]), flush=True)
    sys.stdin.read()
"""
PREPARE = """
import sys
from pathlib import Path
from flybill_pipeline.local.home import prepare_home
prepare_home(Path(sys.argv[1]))
"""
Started = Callable[[list[str]], list[str]]
"""The command, as whoever it is to be started."""


@pytest.fixture
def root() -> Iterator[Path]:
    """A folder where every user may make a home."""
    made = Path(tempfile.mkdtemp(prefix="homes"))
    made.chmod(0o1777)
    yield made
    wait_until(lambda: processes(str(made)) == [])
    shutil.rmtree(made)


class InUse:
    """Services of a home that are used by a process, until `end`."""

    def __init__(self, home: str, cwd: Path, started_as: Started = list) -> None:
        environment = {n: v for n, v in os.environ.items() if not n.startswith(("FLYBILL_", "STRIPE_"))}
        self.process = subprocess.Popen(
            started_as([sys.executable, "-c", USE]),
            env={**environment, "FLYBILL_HOME": home, "PYTHONPATH": str(PROJECT), "HOME": str(cwd)},
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the services did not start"
        self.database_url, self.stripe = json.loads(line)

    def end(self) -> None:
        self.process.communicate(timeout=60)
        assert self.process.returncode == 0


def status(command: list[str]) -> int:
    """How a program ends."""
    return subprocess.run(command, check=False, cwd=PROJECT, capture_output=True).returncode


def wide(home: Path) -> list[str]:
    """What below the home somebody else may do anything with; what is gone meanwhile is nobody's."""
    found = []
    for path in (home, *home.rglob("*")):
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:
            continue
        if not stat.S_ISLNK(mode) and mode & 0o077:
            found.append(f"{path}: {stat.S_IMODE(mode):o}")
    return found


@pytest.mark.parametrize("name", [MARKS, LONG], ids=["marks", "long"])
@pytest.mark.parametrize(
    "started_as", [list, pytest.param(as_ordinary_user, marks=needs_setpriv)], ids=["ourselves", "ordinary user"]
)
def test_services_run_in_a_home_of_any_name_which_is_its_owners_alone(
    root: Path, name: str, started_as: Started
) -> None:
    home = root / name
    used = InUse(str(home), root, started_as)
    assert wide(home) == []
    assert home.stat().st_mode & 0o777 == 0o700
    used.end()
    again = InUse(str(home), root, started_as)
    again.end()
    assert wide(home) == []
    assert not list(root.rglob("pwned"))


def test_a_relative_home_and_a_link_to_it_are_one_home(root: Path) -> None:
    (root / "the link").symlink_to("h o m e")
    first = InUse("h o m e", root)
    second = InUse(str(root / "the link"), root)
    assert first.stripe == second.stripe
    first.end()
    second.end()


@needs_root
def test_another_user_gets_nowhere_in_a_home(root: Path) -> None:
    home = root / "home"
    used = InUse(str(home), root)
    socket = home / "postgres" / ".s.PGSQL.5432"
    assert socket.is_socket()
    attempts = {
        "list": ["ls", str(home)],
        "read": ["cat", str(home / "stripe-emulator.sqlite")],
        "lock": ["flock", "--nonblock", str(home / "run" / "postgres.start"), "true"],
        "make": ["touch", str(home / "theirs")],
        "socket": ["ls", str(socket)],
    }
    ended = {what: status(as_stranger(command)) for what, command in attempts.items()}
    used.end()
    assert all(ended.values()), ended


@needs_root
def test_a_folder_of_another_user_is_refused_and_one_that_root_gave_us_is_not(root: Path) -> None:
    theirs = root / "theirs"
    theirs.mkdir()
    os.chown(theirs, 1, 1)
    with pytest.raises(HomeError, match=r"belongs to daemon.*Name a folder of your own"):
        prepare_home(theirs)
    given_by_root = root / "volume"
    given_by_root.mkdir()
    group = grp.getgrnam(ORDINARY[1]).gr_gid
    ended = []
    for mode in (0o2775, 0o2777, 0o755):
        os.chown(given_by_root, 0, group)
        given_by_root.chmod(mode)
        command = as_ordinary_user([sys.executable, "-c", PREPARE, str(given_by_root)])
        ended.append(status(command))
    assert ended == [0, 1, 1]


@needs_root
def test_a_link_that_another_user_may_turn_is_refused(root: Path) -> None:
    (root / "home").mkdir()
    (root / "link").symlink_to(root / "home")
    os.lchown(root / "link", 1, 1)
    with pytest.raises(HomeError, match="link belongs to daemon"):
        prepare_home(root / "link")


@given(mode=st.integers(0o700, 0o777), inner=st.integers(0o400, 0o777), umask=st.integers(0, 0o777))
def test_a_home_of_any_rights_is_narrowed_with_all_that_is_in_it(mode: int, inner: int, umask: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        (home / "landing" / "t").mkdir(parents=True)
        (home / "landing" / "t" / "u.jsonl").touch()
        (home / "landing" / "t" / "u.jsonl").chmod(inner)
        home.chmod(mode)
        before = os.umask(umask)
        try:
            prepare_home(home)
            (home / "made-later").touch()
        finally:
            os.umask(before)
        assert home.stat().st_mode & 0o777 == 0o700
        assert mode == 0o700 or wide(home) == []
        assert (home / "landing" / "t" / "u.jsonl").stat().st_mode & 0o700 == inner & 0o700


@pytest.mark.parametrize("place", ["a folder of others", "a file", "below a file", "/proc/nope", "a loop"])
def test_what_cannot_be_a_home_is_refused_in_a_sentence(root: Path, place: str) -> None:
    (root / "a file").touch()
    (root / "a loop").symlink_to("a loop")
    (root / "a folder of others").mkdir()
    (root / "a folder of others" / "x").touch()
    (root / "a folder of others").chmod(0o1777)
    home = {"below a file": root / "a file" / "home", "/proc/nope": Path("/proc/nope")}.get(place, root / place)
    with pytest.raises(HomeError, match=r"^FLYBILL_HOME=.*: .*this"):
        prepare_home(home)
    assert (root / "a folder of others").stat().st_mode & 0o7777 == 0o1777


@given(name=st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=60))
def test_every_folder_has_a_name_that_passes_everywhere(name: str) -> None:
    if name in (".", ".."):
        return
    with tempfile.TemporaryDirectory() as root:
        folder, note = Path(root) / name, Path(root) / ".note"
        if len(os.fsencode(name)) > 255 or name == note.name:
            return
        folder.mkdir()
        short = short_folders.plain_name(folder, note)
        assert short_folders.is_plain(short)
        assert short.samefile(folder)
        assert short_folders.plain_name(folder, note) == short
        if short != folder:
            assert short.parent.stat().st_mode & 0o777 == 0o700
        short_folders.remove_short_name(folder, note)
        assert short.exists() == (short == folder)


def test_a_noted_folder_that_is_not_ours_alone_is_not_believed(root: Path) -> None:
    folder, note = root / "a b", root / "note"
    folder.mkdir()

    def noted_after(change: Callable[[Path], None]) -> Path | None:
        place = short_folders.short_name(folder, note).parent
        change(place)
        believed = short_folders.noted(folder, note)
        note.unlink(missing_ok=True)
        shutil.rmtree(place) if place.is_dir() and not place.is_symlink() else place.unlink()
        return believed

    def turned(place: Path) -> None:
        (place / short_folders.LINK).unlink()
        (place / short_folders.LINK).symlink_to(root)

    def replaced(place: Path) -> None:
        place.rename(root / "elsewhere")
        place.symlink_to(root / "elsewhere")

    assert noted_after(lambda _: None) is not None
    assert noted_after(lambda place: place.chmod(0o777)) is None
    assert noted_after(turned) is None
    assert noted_after(replaced) is None
    if os.geteuid() == 0:
        assert noted_after(lambda place: os.chown(place, 1, 1)) is None


def test_a_short_name_that_cannot_be_noted_is_not_left_behind(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, temporary = root / "a b", root / "temporary"
    folder.mkdir()
    temporary.mkdir()
    monkeypatch.setattr(short_folders, "temporary_folder", lambda: str(temporary))
    note = root / "no such folder" / "note"
    with pytest.raises(FileNotFoundError):
        short_folders.short_name(folder, note)
    assert list(temporary.iterdir()) == []

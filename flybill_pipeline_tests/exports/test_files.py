"""A file that is kept is there whole or not at all, and takes nobody's place."""

import errno
import os
from pathlib import Path

import pytest

from flybill_pipeline.exports.files import ExportError, keep


def test_a_file_is_written_and_written_again_with_its_rights(tmp_path: Path) -> None:
    path = tmp_path / "owed.csv"
    keep("one · 1\r\n", path)
    assert path.read_bytes() == "one · 1\r\n".encode()
    path.chmod(0o600)
    keep("two", path)
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("two", 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_an_older_file_stays_when_the_new_one_cannot_be_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "owed.csv"
    keep("old", path)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        keep("new", path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_followed_and_a_device_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real.csv")
    keep("text", tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real.csv").read_text() == "text"
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    keep("text", pipe)
    assert os.read(reader, 10) == b"text"
    os.close(reader)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("", "is a folder"),
        ("no/owed.csv", "no is no folder; make it first"),
        ("file/owed.csv", "file is no folder"),
        ("x" * 300, "cannot be written: File name too long"),
    ],
)
def test_a_place_where_nothing_can_be_written(tmp_path: Path, place: str, words: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ExportError, match=words):
        keep("text", tmp_path / place)

"""A copy of a deployment in a folder, and a new deployment from it. Not here: when a backup is made, and where it goes.

The databases are dumped first, the files copied after: files are only ever added, so the copied catalog never names one
that the copy lacks. Price books and the source mapping belong in version control, Stripe keeps its own books.
"""

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from flybill_pipeline.local import postgres_programs as postgres
from flybill_pipeline.settings import Settings
from flybill_pipeline.stores.files.folders import in_bucket, local_folder
from flybill_pipeline.stores.files.regular import require_regular
from flybill_pipeline.stores.postgres.database import migrate, open_engine
from flybill_pipeline.stores.sync.restores import is_new, make_new, record_restore

MANIFEST = "backup.json"
"""Written last: a folder without it is no whole backup."""
BILLING, DAGSTER, LAKE, LANDING = "billing.dump", "dagster.dump", "lake", "landing"


class BackupError(Exception):
    """A folder cannot be backed up to, or restored from; the message says why, and what to do."""


def back_up(settings: Settings, folder: Path, now: datetime) -> str:
    """Copies everything to `folder`, which must be new or empty; returns a sentence. `settings` must be complete.

    What is in a bucket is not copied: a bucket keeps its own versions.
    """
    copied = {name: local_folder(url) for name, url in _folders(settings)}
    _prepare(folder, list(copied.values()))
    with _whole_or_empty(folder):
        postgres.dump(str(settings.database_url), folder / BILLING)
        postgres.dump(str(settings.dagster_database_url), folder / DAGSTER)
        files = sum(_copy(place, folder / name) for name, place in copied.items())
        manifest = {"taken_at": now.isoformat(), "files": files}
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
    left = "".join(f" {url} is a bucket, which is not copied." for _, url in _places(settings) if in_bucket(url))
    return f"Backed up both databases and {files} files to {folder}.{left}"


def _folders(settings: Settings) -> Iterator[tuple[str, str]]:
    return ((name, url) for name, url in _places(settings) if not in_bucket(url))


def _places(settings: Settings) -> tuple[tuple[str, str], ...]:
    return (LAKE, settings.lake_url), (LANDING, settings.landing_url)


def _prepare(folder: Path, copied: Sequence[Path]) -> None:
    """Makes the folder, which must be new or empty, and outside of what is copied to it."""
    try:
        if any(folder.absolute().resolve().is_relative_to(each.resolve()) for each in copied):
            raise BackupError(f"{folder} lies in what is backed up: name a folder elsewhere")
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise BackupError(f"{folder} is not empty: a backup goes to a folder of its own")
        folder.chmod(0o700)
    except FileExistsError:
        raise BackupError(f"{folder} is a file: a backup goes to a folder of its own") from None
    except OSError as error:
        raise BackupError(f"{folder}: no backup can be written there: {error.strerror}") from None


def restore(settings: Settings, folder: Path, now: datetime) -> str:
    """Fills a deployment in which nothing was ever stored; returns a sentence. `settings` must be complete."""
    taken_at = _taken_at(folder)
    _require_same_kind(settings, folder)
    folders = {name: local_folder(url) for name, url in _folders(settings)}
    billing, dagster = open_engine(str(settings.database_url)), open_engine(str(settings.dagster_database_url))
    for place, empty in (
        ("The billing database", is_new(billing)),
        ("Dagster's database", is_new(dagster)),
        *((str(place), not any(place.iterdir())) for place in folders.values()),
    ):
        if not empty:
            raise BackupError(f"{place} is not empty: a backup is restored into a new deployment")
    with _whole_or_empty(*folders.values()), _whole_or_new(billing, dagster):
        for name, target in folders.items():
            _copy(folder / name, target)
        postgres.restore(str(settings.dagster_database_url), folder / DAGSTER)
        postgres.restore(str(settings.database_url), folder / BILLING)
        migrate(billing, shards=settings.shards)
        record_restore(billing, taken_at, now)
    return (
        f"Restored as of {taken_at:%Y-%m-%d %H:%M} UTC. Now import again what was imported since, land again what was "
        "landed since, and close again each month that was closed since: the sync first looks at what Stripe has."
    )


def _require_same_kind(settings: Settings, folder: Path) -> None:
    """What was a folder is one again, and what was in a bucket is in one: else its files would be missing."""
    for name, url in _places(settings):
        variable, copied = f"FLYBILL_{name.upper()}_URL", (folder / name).is_dir()
        if in_bucket(url) and copied:
            raise BackupError(
                f"{folder / name} would not be restored: {variable} names {url}, a bucket. Name a folder there; move "
                "it to a bucket once it is restored"
            )
        if not in_bucket(url) and not copied:
            raise BackupError(
                f"{folder} has no {name}: it was in a bucket, which is not copied. Name that bucket in {variable}"
            )


@contextmanager
def _whole_or_empty(*folders: Path) -> Iterator[None]:
    """Folders that were empty are so again when the block fails, and the same command works once that is mended."""
    try:
        yield
    except BaseException:
        for entry in (entry for folder in folders for entry in folder.iterdir()):
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)
        raise


@contextmanager
def _whole_or_new(*engines: Engine) -> Iterator[None]:
    """Databases that were new are so again when the block fails: one that came back, and does not know it, bills twice.

    Raises BackupError when they cannot be emptied.
    """
    try:
        yield
    except BaseException as error:
        try:
            for engine in engines:
                make_new(engine)
        except SQLAlchemyError:
            raise BackupError(f"The restore failed ({error}). Empty both databases before you restore again") from error
        raise


def _taken_at(folder: Path) -> datetime:
    try:
        require_regular(folder / MANIFEST)
        return datetime.fromisoformat(json.loads((folder / MANIFEST).read_text())["taken_at"])
    except (OSError, ValueError, KeyError):
        raise BackupError(f"{folder} is no whole backup: it has no {MANIFEST}") from None


def _copy(source: Path, target: Path) -> int:
    """Copies all finished files with their times, by which a landed file is known; returns how many."""
    copied = 0
    target.mkdir(parents=True, exist_ok=True)
    for file in source.rglob("*"):
        if file.is_file() and not any(part.startswith((".", "_")) for part in file.relative_to(source).parts):
            place = target / file.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, place)
            copied += 1
    return copied

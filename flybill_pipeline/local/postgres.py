"""A Postgres cluster in one folder and the server on it. Nothing about billing or about who uses it.

No name of a folder is ever handed to a shell or to the server: it is started in its folder, and finds its data and its
socket there. So any name will do, and as root the server's account need not be let through the folders above.
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, text

from flybill_pipeline.local import short_folders
from flybill_pipeline.local.postgres_programs import (
    PostgresError,
    account,
    at_work,
    binary,
    make_programs_reachable,
    require_done,
    require_name,
    run,
)

HERE = "/proc/self/cwd" if Path("/proc/self/cwd").exists() else "."
"""The working folder: by the first name without passing through those above, which may be closed to the account."""
DATABASES = ("flybill", "dagster")
ACCEPTING, BUSY = 0, 1  # what pg_isready ends with
START_SECONDS = 60
RETRY_SECONDS = 15
MB = 1024 * 1024
ROOM = 16 * MB
"""A segment of the server's journal, which it may have to write before it answers."""
FORGETFUL = [
    option
    for setting in (
        "fsync=off",
        "full_page_writes=off",
        "autovacuum=off",
        "synchronous_commit=off",
        "max_connections=200",
        "file_copy_method=clone",  # `create database … strategy file_copy` takes a tenth of the time
    )
    for option in ("-c", setting)
]
"""Options for data that nobody misses after a crash."""
CAUSE = re.compile(r"\b(ERROR|FATAL|PANIC): ")


@dataclass(frozen=True)
class Cluster:
    """One data folder and the server on it, reached through a socket that only its owner can open."""

    data: Path

    @property
    def url(self) -> str:
        """A SQLAlchemy URL of the running server, in which `{}` stands for the database's name."""
        return f"postgresql+psycopg2://postgres@/{{}}?host={self._socket_folder}"

    def start(self, options: Sequence[str] = ()) -> None:
        """Creates the cluster if there is none, starts the server unless it runs, creates the databases.

        Raises PostgresError.
        """
        self._create()
        short_folders.plain_name(self.data, self._note)
        if not self.is_running():
            self._start(options)
        for name in DATABASES:
            self._create_database(name)

    def is_running(self) -> bool:
        """Whether a server answers here. A pid file would not do: a killed server's pid lives until it is reaped."""
        return self._answer() == ACCEPTING

    def pid(self) -> int:
        """The process of the server that was started here, as it noted it itself."""
        return int((self.data / "postmaster.pid").read_text().splitlines()[0])

    def stop(self) -> None:
        """Stops the server, cleanly and at once; says nothing when it was not running."""
        if self._answer() in (ACCEPTING, BUSY):  # else a pid that is left in its file may be anybody's by now
            run("pg_ctl", "-D", HERE, "-w", "-m", "fast", "stop", folder=self.data)
        short_folders.remove_short_name(self.data, self._note)

    @property
    def _note(self) -> Path:
        return self.data.with_name(f"{self.data.name}.socket")

    @property
    def _socket_folder(self) -> Path:
        if short_folders.is_plain(self.data):
            return self.data
        return short_folders.noted(self.data, self._note) or self.data

    def _answer(self) -> int:
        host = HERE if HERE.startswith("/") else str(self._socket_folder)
        return run("pg_isready", "-h", host, folder=self.data).returncode

    def _create(self) -> None:
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        make_programs_reachable()
        if who := account():
            os.chown(self.data, who.pw_uid, who.pw_gid)
        if (self.data / "PG_VERSION").exists():
            return
        require_name()
        for leftover in self.data.iterdir():  # an initdb that was killed half-way
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        options = ("--auth=trust", "--encoding=UTF8", "--locale=C", "--username=postgres", "--data-checksums")
        require_done(run("initdb", "-D", HERE, *options, folder=self.data))

    def _start(self, options: Sequence[str]) -> None:
        # After SIGKILL of the postmaster its children need a moment to let go of the shared memory.
        deadline = time.monotonic() + RETRY_SECONDS
        while not self._started(options) and not self.is_running():
            if time.monotonic() > deadline:
                raise PostgresError(self._last_words())
            time.sleep(0.3)

    def _started(self, options: Sequence[str]) -> bool:
        """Starts the server, and waits until it answers; False when it ended at once."""
        command = [binary("postgres"), "-D", HERE, "-h", "", "-k", ".", "-c", "unix_socket_permissions=0700", *options]
        descriptor = os.open(self.data / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w") as log:
            server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, **at_work(self.data))
        deadline = time.monotonic() + START_SECONDS
        while server.poll() is None and time.monotonic() < deadline:
            if self.is_running():
                return True
            time.sleep(0.05)
        return False

    def lack_of_room(self) -> str | None:
        """Says so when the server has no room to work in: it ends then, and cannot start again."""
        free = shutil.disk_usage(self.data).free
        if free >= ROOM:
            return None
        return f"its disk is full: {free / MB:.0f} MB are free at {self.data}, and it needs {ROOM / MB:.0f} MB"

    def _last_words(self) -> str:
        """Why the server did not start. A server without room cannot write its log either, so the disk is asked."""
        if full := self.lack_of_room():
            return full
        log = self.data / "log"
        lines = log.read_text(errors="replace").splitlines()[-20:] if log.exists() else []
        causes = [line for line in lines if CAUSE.search(line)]
        return (causes or lines or ["it said no reason"])[-1]

    def _create_database(self, name: str) -> None:
        engine = create_engine(self.url.format("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            if connection.scalar(text("select 1 from pg_database where datname = :name"), {"name": name}) is None:
                connection.execute(text(f"create database {name}"))
        engine.dispose()


@contextmanager
def serving(data: Path, *, keep: bool = True) -> Iterator[str]:
    """A server on `data` for as long as the block runs; yields its URL. `keep=False`: the data is thrown away after."""
    cluster = Cluster(data)
    cluster.start([] if keep else FORGETFUL)
    try:
        yield cluster.url
    finally:
        cluster.stop()
        if not keep:
            shutil.rmtree(data, ignore_errors=True)

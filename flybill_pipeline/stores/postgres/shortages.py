"""What this machine or its database ran short of, in a sentence: a full disk, too many files. No input is wrong."""

import errno
import sys

from sqlalchemy.exc import OperationalError

DATABASE_SHORT = OperationalError
"""What is raised when the database is short of something, does not answer, or stops: never for our statement."""
SHORT = {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.EIO, errno.ENOMEM, errno.EROFS}
READ_ONLY = "25006"
"""Postgres' code for a write in a transaction that only reads: to the database of a pipeline no other is named."""
REMEDY = "What was stored until then is kept: mend this, then run the same command again."


def shortage(error: BaseException) -> str | None:
    """What there was too little of and what to do, in words; None when the error is of another kind."""
    if isinstance(error, OSError) and error.errno in SHORT:
        return f"this machine cannot go on: {error}. {REMEDY}"
    if isinstance(error, MemoryError):
        return f"this machine has no memory left. {REMEDY}"
    if isinstance(error, DATABASE_SHORT):
        return database_shortage(str(error.orig))
    if getattr(getattr(error, "orig", error), "pgcode", None) == READ_ONLY:
        said = "it takes no writes: it is a standby, or was made read-only, as where its disk is full"
        return database_shortage(said)
    if _is_drivers(error):
        return database_shortage(str(error))
    return None


def _is_drivers(error: BaseException) -> bool:
    """Whether the driver raised it past SQLAlchemy, as where Dagster sets up a connection that was cut."""
    driver = sys.modules.get("psycopg2")  # loaded, if it raised anything
    if driver is None:
        return False
    return isinstance(error, driver.OperationalError) or type(error) in (driver.DatabaseError, driver.InterfaceError)


def database_shortage(said: str) -> str:
    """The same of a database that stopped, by what its driver said."""
    first, *_ = said.strip().splitlines() or ["it said no reason"]
    return f"the database cannot go on: {first}. {REMEDY}"

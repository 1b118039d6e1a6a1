"""What this machine or its database ran short of, in a sentence: a full disk, too many files. No input is wrong."""

import errno

from sqlalchemy.exc import OperationalError

DATABASE_SHORT = OperationalError
"""What is raised when the database is short of something, does not answer, or stops: never for our statement."""
SHORT = {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.EIO, errno.ENOMEM, errno.EROFS}
REMEDY = "What was stored until then is kept: mend this, then run the same command again."


def shortage(error: BaseException) -> str | None:
    """What there was too little of and what to do, in words; None when the error is of another kind."""
    if isinstance(error, OSError) and error.errno in SHORT:
        return f"this machine cannot go on: {error}. {REMEDY}"
    if isinstance(error, MemoryError):
        return f"this machine has no memory left. {REMEDY}"
    if isinstance(error, DATABASE_SHORT):
        return database_shortage(str(error.orig))
    return None


def database_shortage(said: str) -> str:
    """The same of a database that stopped, by what its driver said."""
    first, *_ = said.strip().splitlines() or ["it said no reason"]
    return f"the database cannot go on: {first}. {REMEDY}"

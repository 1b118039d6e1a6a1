"""What of this process's environment reaches the home's own Postgres. Belongs here: which variables. Not: the server.

A shell may name other servers of Postgres (PGHOSTADDR, PGSERVICE, PGOPTIONS and others): its library believes them
before the address that it is given. And it may hold keys: as root the server runs under another account, each of whose
processes can read what the server was given.
"""

import os

NEEDED = ("PATH", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""What Postgres's own programs are given of ours: where libraries are, and the zone of their log."""
OF_POSTGRES, KEPT = "PG", "PGTZ"
"""What its library looks for begins so. The zone of times is set in this process itself, see `stores/postgres`."""


def for_the_server() -> dict[str, str]:
    """The environment of the server and its programs: nothing that names another server, and no key."""
    return {name: os.environ[name] for name in NEEDED if name in os.environ} | {"LC_ALL": "C"}


def forget_other_servers() -> None:
    """Takes from this process, and so from its children, what a shell says of Postgres for other programs."""
    for name in [each for each in os.environ if each.startswith(OF_POSTGRES) and each != KEPT]:
        del os.environ[name]

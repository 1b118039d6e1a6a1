"""Looks whether single things answer: a folder, a database, Stripe, a host. Nothing is changed, nothing is sent.

Each probe ends in seconds, whatever is at the other end, and answers with findings; what is looked at: `doctor.py`.
"""

import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies

from flybill_pipeline.billing.sync.breaker import NOT_REACHED
from flybill_pipeline.billing.sync.clocks import CLOCK_REMEDY
from flybill_pipeline.billing.sync.values import Failure
from flybill_pipeline.billing.usage.tables import NotPulledError
from flybill_pipeline.operating.findings import Finding, ok, warning, wrong
from flybill_pipeline.settings import Settings
from flybill_pipeline.stores.files.folders import AddressError, ObjectsError, place_of
from flybill_pipeline.stores.files.objects import Objects
from flybill_pipeline.stores.postgres.condition import Condition, condition_of
from flybill_pipeline.stores.postgres.sessions import POOLED
from flybill_pipeline.stores.usage.lake.storage import NOTE
from flybill_pipeline.toolbox.wiring import open_stripe

if TYPE_CHECKING:
    from flybill_pipeline.stores.usage.engines.day_totals import EngineTable
    from flybill_pipeline.stores.usage.engines.summing import Summing

WAIT_SECONDS = 4
LITTLE, TOO_LITTLE = 2 * 2**30, 100 * 2**20
"""Bytes that are free on a disk."""


def folder(about: str, variable: str, url: str) -> Iterator[Finding]:
    """Whether the folder can be written to, or made, and how much room its disk has."""
    try:
        path = place_of(url)
        there = next(each for each in (path, *path.parents) if _exists(each))
    except AddressError as error:
        yield wrong(about, str(error), f"Correct {variable}.")
        return
    except OSError as error:  # below a closed folder, or too long a name
        yield wrong(about, f"{path} cannot be looked at: {error.strerror}.", f"Name another one in {variable}.")
        return
    if not there.is_dir() or not os.access(there, os.R_OK | os.W_OK | os.X_OK):
        yield wrong(about, f"{there} is no folder that can be written to.", f"Name another one in {variable}.")
        return
    room = shutil.disk_usage(there).free
    free = f"{path}{'' if path == there else ' will be made'}, {room / 2**30:,.1f} GiB free"
    if room < LITTLE:
        found = wrong if room < TOO_LITTLE else warning
        yield found(about, f"{free}.", f"Free some room on its disk, or name another folder in {variable}.")
    else:
        yield ok(about, f"{free}.")


def _exists(path: Path) -> bool:
    """Raises OSError of what cannot be looked at: since Python 3.14 `Path.exists` says that it is not there."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def bucket(about: str, variable: str, url: str) -> Finding:
    """Whether a bucket lets us list it."""
    try:
        some = next(Objects(url).all(), None)
    except ObjectsError as error:
        return wrong(about, f"{error}.", f"Correct {variable}, or the variables that docs/configuration.md names.")
    return ok(about, f"{url} answers{'' if some else ', and is empty'}.")


def table(about: str, asked: "EngineTable") -> Finding:
    """Whether an engine answers, and its table can be read by the mapping of its source."""
    try:
        asked.require_answer()
    except NotPulledError as error:
        remedy = "Is the engine up? Correct the source, or the variable that it names: docs/sources.md."
        return wrong(about, f"Its usage would not come: {error}", remedy)
    return ok(about, "Its engine answers, and the table can be read.")


def engine(asked: "Summing", lake: Path | None) -> Finding:
    """Whether the engine that sums days answers, and sees the lake where this machine does. A new lake is not there."""
    note = lake / NOTE if lake else None
    try:
        version = asked.version(note if note and note.exists() else None)
    except NotPulledError as error:
        remedy = "Is it up? Correct FLYBILL_USAGE_ENGINE_URL, or what docs/scale.md asks of the engine."
        return wrong("usage engine", f"No day would be summed: {error}", remedy)
    return ok(
        "usage engine", f"{version} answers{' and sees the lake' if note and note.exists() else ''}; it sums days."
    )


def database(about: str, variable: str, url: str, *, where: str) -> tuple[Finding, Condition | None]:
    """Whether the database answers, and whether its schema is one that this version works with."""
    found = condition_of(url)
    if isinstance(found, str):
        return wrong(about, f"The database ({where}) does not answer: {found}", f"Is it up? Is {variable} right?"), None
    if found.pooled:
        return wrong(about, f"{POOLED}.", "Until then nothing is done: a close or a run ends with this."), found
    answers = f"PostgreSQL {found.server} answers ({where})"
    if found.schema is None or found.schema == found.newest:
        schema = f"its schema is {found.schema}" if found.schema else "without a schema; the next command makes it"
        return ok(about, f"{answers}, {schema}."), found
    if found.schema < found.newest:
        older = f"{answers}, its schema {found.schema} is older than {found.newest}, this version's."
        return warning(about, older, "The next command brings it up to date, or `flybill migrate` as its owner."), found
    newer = f"{answers}, its schema {found.schema} is newer than {found.newest}, this version's."
    return wrong(about, newer, "Use the newer flybill that has worked on it."), found


def stripe(settings: Settings) -> Iterator[Finding]:
    """Whose account the key opens, in which mode, and how far the clocks are apart; one question is asked."""
    gateway = open_stripe(settings, quick=True)
    answer, reading = gateway.account(), gateway.clock.reading()
    at = f" at {settings.stripe_api_base}" if settings.stripe_api_base else ""
    if isinstance(answer, Failure) and answer.code == NOT_REACHED:
        yield wrong("stripe", f"Stripe{at} does not answer: {answer.message}.", answer.remedy)
    elif isinstance(answer, Failure) and answer.status is None:
        remedy = "Is the network up? Is STRIPE_API_BASE right, if it is set?"
        yield wrong("stripe", f"Stripe{at} does not answer.", remedy)
    elif isinstance(answer, Failure):
        sentence = f"Stripe{at} did not say whose the key is: {answer.message} ({answer.code})."
        yield wrong("stripe", sentence, answer.remedy)
    else:
        yield ok("stripe", f"Stripe{at} answers: account {answer.value.name}.")
    if reading is not None:
        yield (
            wrong("clock", reading.sentence, CLOCK_REMEDY)
            if reading.wrong
            else ok("clock", "The clock of this machine is less than a minute off Stripe's.")
        )


def answers(about: str, name: str, url: str) -> Finding:
    """Whether a database that is not flybill's own answers; what is in it is not looked at."""
    found = condition_of(url)
    if isinstance(found, str):
        return wrong(about, f"It does not answer ({name}): {found}", f"Is it up? Is {name} right?")
    return ok(about, f"PostgreSQL {found.server} answers ({name}).")


def place(url: str) -> Path | None:
    """Where a folder is; None where its address is none."""
    try:
        return place_of(url)
    except AddressError:
        return None


def listens(about: str, url: str, ports: Mapping[str, int]) -> Finding:
    """Whether something listens at the address. Whether it takes a message is known only by sending one."""
    parts = urlsplit(url)
    if parts.scheme in getproxies() and parts.scheme.startswith("http"):
        return ok(about, f"{parts.hostname} is reached through a proxy; it was not tried.")
    try:
        socket.create_connection((parts.hostname or "", parts.port or ports[parts.scheme]), WAIT_SECONDS).close()
    except OSError as error:
        why = error.strerror or "it did not answer in time"
        remedy = "Is its address right? Does the network let it through?"
        return wrong(about, f"{parts.hostname} cannot be reached: {why}.", remedy)
    return ok(about, f"{parts.hostname} listens; nothing was sent.")

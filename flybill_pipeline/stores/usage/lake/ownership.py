"""Whose lake it is: a note in it names the deployment whose database knows its files. What they hold: not here."""

from sqlalchemy import Engine, func, select

from flybill_pipeline.stores.files.folders import ObjectsError
from flybill_pipeline.stores.postgres.tables import facts
from flybill_pipeline.stores.usage.lake.storage import KEPT, NOTE, Storage
from flybill_pipeline.stores.usage.lake.tables import usage_pieces


class LakeError(Exception):
    """The lake cannot be trusted, or is not this deployment's; the message says what happened, and what to do."""


def require_own_lake(lake: Storage, engine: Engine) -> None:
    """Raises LakeError unless the lake is this deployment's. One that is nobody's yet becomes so.

    Two deployments on one lake would write over each other's files, and each bill the usage of the other.
    """
    ours = _deployment(engine)
    theirs = noted(lake)
    if theirs is None:
        _take(lake, engine, ours)
        theirs = noted(lake)
    if theirs != ours:
        raise LakeError(
            f"the lake {lake.shown} (FLYBILL_LAKE_URL) belongs to another deployment: {lake.shown}/{NOTE} names "
            f"{theirs}, this database is {ours}. Nothing was written. Name another folder, or the database that the "
            "lake belongs to"
        )


def _deployment(engine: Engine) -> str:
    with engine.connect() as connection:
        return str(connection.execute(select(facts.c.value).where(facts.c.name == "deployment")).scalar_one())


def noted(lake: Storage) -> str | None:
    """The deployment that the lake belongs to; None when it is nobody's yet, or no folder. May raise LakeError."""
    try:
        note = lake.read(NOTE)
    except ObjectsError as error:
        raise LakeError(f"the lake (FLYBILL_LAKE_URL) does not say whose it is: {error}. Nothing was written") from None
    except (OSError, UnicodeDecodeError) as error:
        raise LakeError(
            f"the lake {lake.shown} (FLYBILL_LAKE_URL) does not say whose it is: {lake.shown}/{NOTE} cannot be read: "
            f"{error}. Nothing was written. Let flybill read that file, or take it from a backup"
        ) from None
    if note == "":
        raise LakeError(
            f"the lake {lake.shown} (FLYBILL_LAKE_URL) does not say whose it is: {lake.shown}/{NOTE} is empty. Nothing "
            "was written. Take it from a backup, or delete it: it is written again where this database knows the lake"
        )
    return note


def _take(lake: Storage, engine: Engine, ours: str) -> None:
    try:
        _require_free(lake, engine)
        lake.claim(ours)
    except ObjectsError as error:
        raise LakeError(f"the lake (FLYBILL_LAKE_URL) cannot be begun: {error}. Nothing was billed") from None


def _require_free(lake: Storage, engine: Engine) -> None:
    """A lake without a note is new, or of a version that wrote none: then the database knows what is in it."""
    with engine.connect() as connection:
        pieces = connection.execute(select(func.count()).select_from(usage_pieces)).scalar_one()
        some = list(connection.execute(select(usage_pieces.c.path).order_by(usage_pieces.c.path).limit(10)).scalars())
    if some and not lake.has_any(some):
        raise LakeError(
            f"the lake {lake.shown} (FLYBILL_LAKE_URL) has none of the {pieces} files that this database knows. "
            "Nothing was written. Name the folder that they are in, or restore it from a backup"
        )
    if not some and lake.has_any(KEPT):
        raise LakeError(
            f"the lake {lake.shown} (FLYBILL_LAKE_URL) has files that this database does not know, so another "
            "deployment may be using it. Nothing was written. Name another folder, or empty this one if it is nobody's"
        )

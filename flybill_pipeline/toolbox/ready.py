"""What must run before stores can be used: the local services that nobody replaced, and this version's schema.

The stores are imported when they are first needed, so that `flybill owes` answers at once.
"""

import atexit
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache

from flybill_pipeline.local import services
from flybill_pipeline.local.keeper import ServiceError
from flybill_pipeline.local.postgres import Cluster
from flybill_pipeline.settings import Settings, SettingsError


@contextmanager
def ready(settings: Settings, *, stripe: bool = True, dagster: bool = True) -> Iterator[Settings]:
    """Yields complete settings: the local services that are needed run, and the schema is this version's.

    A number of shards that is not the database's is refused: SettingsError. ServiceError when the database of this
    machine does not answer.
    """
    from flybill_pipeline.stores.postgres.database import UnreachableError, open_engine, shard_count
    from flybill_pipeline.stores.postgres.database import migrate as bring_up_to_date

    with services(settings, stripe=stripe, dagster=dagster) as complete:
        engine = open_engine(str(complete.database_url))
        try:
            bring_up_to_date(engine, shards=complete.shards)
        except UnreachableError as error:
            if settings.database_url is not None:
                raise
            data = settings.home / "postgres"
            what = Cluster(data).lack_of_room() or (
                f"it ended just now and is being started again, so run the same command again: {error.said}"
            )
            raise ServiceError(
                f"the database of FLYBILL_HOME={settings.home} does not answer: {what} (its log is {data / 'log'})"
            ) from None
        shards = shard_count(engine)
        engine.dispose()
        if "shards" in settings.model_fields_set:  # where none is named it is that of the database
            require_shards(settings, shards)
        yield complete.model_copy(update={"shards": shards})


@cache
def at_home(settings: Settings) -> Settings:
    """Complete settings for a process that was given no database; what they name runs until the process ends.

    So Dagster's own programs work in a checkout as `flybill` does. They have shown the partitions already when this is
    asked: SettingsError where the database has other shards.
    """
    kept = ExitStack()
    complete = kept.enter_context(ready(settings))
    atexit.register(kept.close)
    require_shards(settings, complete.shards)
    return complete


def require_shards(settings: Settings, shards: int) -> None:
    """Raises SettingsError when the database has another number of shards: another process may go by these settings."""
    if settings.shards != shards:
        how = "unset the variable, or set it" if "shards" in settings.model_fields_set else "set it"
        raise SettingsError(
            f"FLYBILL_SHARDS={settings.shards}, but this database has {shards} shards: {how} to {shards}. "
            "`flybill reshard` makes more of them"
        )

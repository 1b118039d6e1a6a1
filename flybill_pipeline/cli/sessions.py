"""What a command works in: local services and this version's schema, then the stores, or Dagster's jobs. No answers.

Dagster and the stores are imported when they are first needed, so that `owes` answers at once.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flybill_pipeline.local import services
from flybill_pipeline.settings import Settings, SettingsError

if TYPE_CHECKING:
    from flybill_pipeline.operating.runs import Runner
    from flybill_pipeline.toolbox.tools import Toolbox


def usable_settings(home: str | None = None) -> Settings:
    """The settings of this process. Raises SettingsError with everything that is wrong, before any work begins.

    `home` is what a command has in the place of the usual home, where nobody names one.
    """
    from flybill_pipeline.toolbox import wiring

    return wiring.usable_settings(home)


@contextmanager
def ready(settings: Settings, *, stripe: bool = True, dagster: bool = True) -> Iterator[Settings]:
    """Yields complete settings: the local services that are needed run, and the schema is this version's.

    A number of shards that is not the database's is refused: SettingsError.
    """
    from flybill_pipeline.stores.postgres.database import migrate as bring_up_to_date
    from flybill_pipeline.stores.postgres.database import open_engine, shard_count

    with services(settings, stripe=stripe, dagster=dagster) as complete:
        engine = open_engine(str(complete.database_url))
        bring_up_to_date(engine, shards=complete.shards)
        shards = shard_count(engine)
        engine.dispose()
        _require_same(settings, shards)
        yield complete.model_copy(update={"shards": shards})


def _require_same(settings: Settings, shards: int) -> None:
    """Where a number of shards is named, it is that of the database: another process may go by it."""
    if "shards" in settings.model_fields_set and settings.shards != shards:
        raise SettingsError(
            f"FLYBILL_SHARDS={settings.shards}, but this database was made with FLYBILL_SHARDS={shards}, for good: "
            f"unset the variable, or set it to {shards}"
        )


@contextmanager
def toolbox(settings: Settings, *, stripe: bool = False) -> Iterator["Toolbox"]:
    """Yields the stores, for commands that need no Dagster; `stripe`: they need Stripe, be it the local emulator."""
    from flybill_pipeline.toolbox.wiring import build_toolbox

    with ready(settings, stripe=stripe, dagster=False) as complete:
        tools = build_toolbox(complete)
        try:
            yield tools
        finally:
            tools.close()


@contextmanager
def running(org_ids: Collection[str] = ()) -> Iterator["Runner"]:
    """Yields what runs Dagster's jobs in this process.

    Price books and sources that cannot be read are refused before anything starts; ids that nobody imported
    (UnknownOrganizationError) before any job does.
    """
    from flybill_pipeline.operating.runs import runner
    from flybill_pipeline.questions.organizations import organizations
    from flybill_pipeline.toolbox.wiring import require_readable_inputs

    settings = usable_settings()
    require_readable_inputs(settings)
    with ready(settings) as complete, runner(complete) as jobs:
        organizations(jobs.toolbox, org_ids)
        yield jobs

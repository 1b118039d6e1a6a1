"""What a command works in: local services and this version's schema, then the stores, or Dagster's jobs. No answers.

Dagster and the stores are imported when they are first needed, so that `owes` answers at once.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flybill_pipeline.settings import Settings
from flybill_pipeline.toolbox.ready import ready

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

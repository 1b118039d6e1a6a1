"""What Dagster loads: all definitions, put together for one deployment. No asset is written here."""

import warnings
from datetime import UTC, datetime
from functools import cache

import dagster as dg

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.defs.alerts import alert_sensor
from flybill_pipeline.defs.asset_facts import told
from flybill_pipeline.defs.assets.billing import billing_assets
from flybill_pipeline.defs.assets.exports import export_assets
from flybill_pipeline.defs.assets.month import month_assets
from flybill_pipeline.defs.assets.payments import payment_assets
from flybill_pipeline.defs.assets.repairs import repair_assets
from flybill_pipeline.defs.assets.stripe import stripe_assets
from flybill_pipeline.defs.assets.usage import usage_assets
from flybill_pipeline.defs.checks import checks
from flybill_pipeline.defs.jobs import jobs
from flybill_pipeline.defs.month_sensor import month_sensor
from flybill_pipeline.defs.old_runs import forgetting, forgetting_schedule
from flybill_pipeline.defs.outgoing import outgoing_sensor
from flybill_pipeline.defs.partitions import Partitions
from flybill_pipeline.defs.payment_sensor import payment_sensor
from flybill_pipeline.defs.schedules import schedules
from flybill_pipeline.defs.sensors import EVERY_SECONDS, sensors
from flybill_pipeline.defs.to_do_list import to_do_list_sensor
from flybill_pipeline.local.home import keep_to_ourselves
from flybill_pipeline.settings import Settings, load_settings
from flybill_pipeline.toolbox.ready import at_home
from flybill_pipeline.toolbox.shown_months import shown_from
from flybill_pipeline.toolbox.tools import Toolbox
from flybill_pipeline.toolbox.wiring import build_toolbox, require_usable_stripe


def build_defs(
    settings: Settings, *, toolbox: Toolbox | None = None, every: int = EVERY_SECONDS, first: Month | None = None
) -> dg.Definitions:
    """All definitions for these settings. Connects to nothing: that is left to the runs, and so is what must run here.

    `toolbox` replaces the real stores and gateway, for tests and for the command line, which has one already. Sensors
    look once in `every` seconds, at payments twice as often: money that arrives is to be seen within a minute.
    Partitions begin with `first`; without it with the first month that may be billed.
    """
    # Partitioned checks and two-dimensional mappings are not final in Dagster 1.13; the tests hold what we use of them.
    warnings.filterwarnings("ignore", category=dg.PreviewWarning)
    warnings.filterwarnings("ignore", category=dg.BetaWarning)
    state = "RUNNING" if settings.automation else "STOPPED"
    status = dg.DefaultSensorStatus(state)
    partitions = Partitions(first or Month.parse(settings.first_month), settings.shards)
    return dg.Definitions(
        assets=told(
            [
                *usage_assets(partitions),
                *billing_assets(partitions),
                *stripe_assets(partitions),
                *payment_assets(),
                *repair_assets(partitions),
                *month_assets(partitions),
                *export_assets(partitions),
            ],
            settings.code_url,
        ),
        asset_checks=checks(partitions),
        jobs=[*jobs(), forgetting()],
        schedules=[
            *schedules(partitions, settings.close_grace_days, dg.DefaultScheduleStatus(state)),
            forgetting_schedule(dg.DefaultScheduleStatus(state)),
        ],
        sensors=[
            *sensors(partitions, status, every),
            to_do_list_sensor(status, every),
            payment_sensor(status, max(every // 2, 1)),
            month_sensor(partitions, status, every),
            alert_sensor(partitions, status, every),
            outgoing_sensor(status, every),
        ],
        resources={"toolbox": toolbox or _toolbox(settings)},
        # One process for a run: the default starts one for every step, which costs 4 to 11 seconds each.
        executor=dg.in_process_executor,
    )


def _toolbox(settings: Settings) -> Toolbox | dg.ResourceDefinition:
    """The real stores; where no database is named, those of this machine, brought up when they are first asked for."""
    if settings.database_url is not None:
        return build_toolbox(settings)
    opened = cache(lambda: build_toolbox(at_home(settings)))
    return dg.ResourceDefinition(lambda _context: opened())


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions that the environment describes; made when Dagster asks for them, not when this is imported."""
    keep_to_ourselves()
    settings = load_settings()
    require_usable_stripe(settings)
    return build_defs(settings, first=shown_from(settings, datetime.now(UTC)))

"""Dagster's own storage, as dagster.yaml names it: the database that the settings name, or that of FLYBILL_HOME.

So Dagster's own programs, such as `dagster dev`, find the history that `flybill` writes. Not here: flybill's stores.
"""

import atexit
from contextlib import ExitStack
from functools import cache
from typing import Any

from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage

from flybill_pipeline.local import services
from flybill_pipeline.settings import Settings, load_settings
from flybill_pipeline.stores.postgres.month_keys import name_months


class HomeStorage(DagsterPostgresStorage):
    """Postgres, with nothing to configure. Where no database is named, the home's runs until this process ends."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Nothing: what it needs is in the environment, or follows from it."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> "HomeStorage":
        """Dagster calls it in each of its processes. Raises what `load_settings` and `services` do."""
        address = _address(load_settings())
        storage = cls(address, inst_data=inst_data)
        name_months(address)
        return storage


def _address(settings: Settings) -> str:
    return settings.dagster_database_url or _address_at_home(settings)


@cache
def _address_at_home(settings: Settings) -> str:
    kept = ExitStack()
    complete = kept.enter_context(services(settings, stripe=False))
    atexit.register(kept.close)
    return str(complete.dagster_database_url)

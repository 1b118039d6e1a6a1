"""Dagster's own storage, as dagster.yaml names it: the database that the settings name, or that of FLYBILL_HOME.

So Dagster's own programs, such as `dagster dev`, find the history that `flybill` writes. Not here: flybill's stores.
"""

import atexit
import os
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import cache, lru_cache
from typing import Any

from dagster._core.storage.schedules.schema import JobTickTable
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage
from sqlalchemy import Connection, Index
from sqlalchemy.exc import IntegrityError, ProgrammingError

from flybill_pipeline.local import services
from flybill_pipeline.settings import Settings, load_settings
from flybill_pipeline.stores.postgres.database import open_engine
from flybill_pipeline.stores.postgres.month_keys import name_months

THERE_FOR_GOOD = {
    "event_log_storage": ("_has_asset_key_col_on_connection", "has_table"),
    "run_storage": (
        "has_run_stats_index_cols",
        "has_bulk_actions_selector_cols",
        "has_backfill_id_column",
        "has_bulk_action_job_name_column",
        "has_backfill_tags_table",
    ),
    "schedule_storage": ("_has_instigators_table", "has_secondary_index_table", "has_built_index"),
}
"""What Dagster asks Postgres's catalog at each event and tick: half of what its database is busy with otherwise."""

LAST_TICKS = Index("flybill_ticks_by_time", JobTickTable.c.timestamp)
"""What a sensor did last is asked for at each of its looks, and for each one by the page of all: Dagster's own indexes
lead to all that it did, of which the newest is then looked for."""


class HomeStorage(DagsterPostgresStorage):
    """Postgres, with nothing to configure. Where no database is named, the home's runs until this process ends.

    All of a process share a few connections. Dagster's own storage opens one for each thing that it records or asks.
    """

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Nothing: what it needs is in the environment, or follows from it."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> "HomeStorage":
        """Dagster calls it in each of its processes, in some at each tick. Raises what `load_settings` and `services`
        do.
        """
        opened = _opened(_address(load_settings()), os.getpid())
        storage = cls(opened.address, should_autocreate_tables=not opened.is_ready, inst_data=inst_data)
        for part, questions in THERE_FOR_GOOD.items():
            opened.serve(getattr(storage, part), questions)
        opened.make_ready()
        return storage


class _Opened:
    """Dagster's database as this process has it: its connections, and what of its schema was asked for already."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.is_ready = False
        # A connection that rests for longer may have been cut by what lies in between.
        self._engine = open_engine(address, reads=True, rest_seconds=60)
        self._there = defaultdict[str, set[tuple[Any, ...]]](set)

    def make_ready(self) -> None:
        """Brings over the history that an older version wrote; the first storage has made the tables."""
        if not self.is_ready:
            name_months(self.address)
            self._find_last_ticks()
        self.is_ready = True

    def _find_last_ticks(self) -> None:
        """Makes the index where it is missing; another process may be first, or the tables be somebody else's."""
        engine = open_engine(self.address)
        with suppress(IntegrityError, ProgrammingError), engine.begin() as connection:
            LAST_TICKS.create(connection, checkfirst=True)
        engine.dispose()

    def serve(self, part: Any, questions: tuple[str, ...]) -> None:
        """Gives a part of a storage these connections, and has it ask each of these questions once."""
        assert hasattr(part, "_engine"), part
        part._engine = self._engine
        for question in questions:
            self._ask_once(part, question)

    def _ask_once(self, part: object, question: str) -> None:
        """A table or column that is there stays there: it is not asked for again."""
        asked: Callable[..., bool] = getattr(part, question)
        there = self._there[question]

        def answer(*of: Any) -> bool:
            names = tuple(each for each in of if not isinstance(each, Connection))
            if names not in there and asked(*of):
                there.add(names)
            return names in there

        setattr(part, question, answer)


@lru_cache(maxsize=1)
def _opened(address: str, _process: int) -> _Opened:
    """One of a process, which a copy of the process cannot use: two would speak over one connection."""
    return _Opened(address)


def _address(settings: Settings) -> str:
    return settings.dagster_database_url or _address_at_home(settings)


@cache
def _address_at_home(settings: Settings) -> str:
    kept = ExitStack()
    complete = kept.enter_context(services(settings, stripe=False))
    atexit.register(kept.close)
    return str(complete.dagster_database_url)

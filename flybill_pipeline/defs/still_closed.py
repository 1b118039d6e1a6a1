"""Which shards of a month stand as a close left them: closing the month again need not run them. Starts no run."""

from collections.abc import Mapping

import dagster as dg

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.defs.checks import CHECKS
from flybill_pipeline.defs.jobs import CLOSING_ASSETS
from flybill_pipeline.defs.partitions import Partitions, month_shard_key
from flybill_pipeline.toolbox.made_of import made_of
from flybill_pipeline.toolbox.tools import Toolbox


class StillClosed:
    """A month as it is when a close begins."""

    def __init__(self, instance: dg.DagsterInstance, toolbox: Toolbox, month: Month) -> None:
        self._toolbox, self._month = toolbox, month
        self._made_of = made_of(toolbox, month)
        self.shards = _still_closed(instance, toolbox, month, self._made_of)
        """Those of which nothing changed, nothing waits, and every check holds."""

    def keep(self, shard: int) -> None:
        """The shard was run to its end; should all be well with it, it is as it was when this began."""
        if _all_well(self._toolbox, self._month, shard):
            self._toolbox.closed_shards.keep(self._month, shard, self._made_of[shard])


def _still_closed(
    instance: dg.DagsterInstance, toolbox: Toolbox, month: Month, names: Mapping[int, str]
) -> frozenset[int]:
    kept = toolbox.closed_shards.kept(month)
    same = {shard for shard, name in names.items() if kept.get(shard) == name}
    if not same or toolbox.sync_ledger.breaker.state(toolbox.now()) is not None:
        return frozenset()
    same -= {toolbox.shard_of(note.org_id) for note in toolbox.credit_notes.pending(month)}
    return frozenset(
        shard for shard in same & _shown_as_done(instance, toolbox, month) if _all_well(toolbox, month, shard)
    )


def _shown_as_done(instance: dg.DagsterInstance, toolbox: Toolbox, month: Month) -> set[int]:
    """The shards whose last run succeeded, by Dagster's own storage."""
    partitions = Partitions(Month.parse(toolbox.settings.first_month), toolbox.shards).month_shards
    keys = {shard: month_shard_key(month, shard) for shard in range(toolbox.shards)}
    done = set(keys)
    for asset in CLOSING_ASSETS:
        status = instance.get_status_by_partition(dg.AssetKey(asset), list(keys.values()), partitions) or {}
        done &= {shard for shard, key in keys.items() if status.get(key) == dg.AssetPartitionStatus.MATERIALIZED}
    return done


def _all_well(toolbox: Toolbox, month: Month, shard: int) -> bool:
    """Whether every check of the shard holds as of now: what would be red is run, and shown."""
    looks = (check.look for check in CHECKS if check.asset in CLOSING_ASSETS and check.look is not None)
    return all(look(toolbox, (month, shard)).passed for look in looks)

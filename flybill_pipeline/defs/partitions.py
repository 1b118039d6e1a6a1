"""How the assets are cut: days of usage, months by shards, single failed org-months. No other definitions."""

from datetime import date

import dagster as dg

from flybill_pipeline.billing.money.period import Month

FAILED_ORG_MONTHS = dg.DynamicPartitionsDefinition(name="failed_org_months")


class Partitions:
    """The partition definitions of one deployment. `shards` only grow once there is history.

    `first_month` is the first that is shown. Keys do not depend on it, so history comes to sight when it moves back.
    """

    def __init__(self, first_month: Month, shards: int) -> None:
        self.first_month = first_month
        first = first_month.first_day.isoformat()
        # end_offset=1: the current day has usage and the current month has drafts. That no open month is
        # finalized is not left to the partitions: the step itself refuses.
        self.days = dg.DailyPartitionsDefinition(start_date=first, end_offset=1)
        self.months = dg.MonthlyPartitionsDefinition(start_date=month_key(first_month), fmt="%Y-%m", end_offset=1)
        self.shards = dg.StaticPartitionsDefinition([shard_key(shard) for shard in range(shards)])
        self.month_shards = dg.MultiPartitionsDefinition({"month": self.months, "shard": self.shards})


def shard_key(shard: int) -> str:
    """The partition key of a shard, of two digits or more: those of old months stay what they are with more shards."""
    return f"{shard:02d}"


def month_key(month: Month) -> str:
    """The partition key of a month, such as `2026-10`: as people name it everywhere else."""
    return str(month)


def month_shard_key(month: Month, shard: int) -> dg.MultiPartitionKey:
    """The partition key of one shard of one month."""
    return dg.MultiPartitionKey({"month": month_key(month), "shard": shard_key(shard)})


def org_month_key(month: Month, org_id: str) -> str:
    """The key of one failed org-month, such as `2026-10/acme`."""
    return f"{month}/{org_id}"


def read_day(key: str) -> date:
    """The day that a daily partition key names. Raises ValueError, with how one is written."""
    try:
        return date.fromisoformat(key)
    except ValueError:
        raise ValueError(f"{key!r} is no day; write it as 2026-10-05") from None


def read_month(key: str) -> Month:
    """The month that a monthly partition key names. Raises ValueError, with how one is written."""
    return Month.parse(key)


def read_month_shard(key: str) -> tuple[Month, int]:
    """The month and the shard that a key of `month_shards` names: Dagster writes it as `2026-10|07`.

    Raises ValueError, with how one is written: Dagster itself starts a run for whatever is typed.
    """
    month, _, shard = key.partition("|")
    if not (shard.isascii() and shard.isdigit()):
        raise ValueError(f"{key!r} is no shard of a month; write it as 2026-10|07, the month and one of its shards")
    return read_month(month), int(shard)


def is_org_month(key: str) -> bool:
    """Whether the key is one of `failed_org_months`: no other has a slash."""
    return "/" in key


def read_org_month(key: str) -> tuple[Month, str]:
    """The month and the org that a key of `failed_org_months` names. Raises ValueError, with how one is written."""
    month, _, org_id = key.partition("/")
    if not org_id:
        raise ValueError(f"{key!r} is no organization's month; write it as 2026-10/acme")
    return Month.parse(month), org_id

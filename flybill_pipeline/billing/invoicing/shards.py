"""Which shard an organization belongs to, and the month of a shard, which is what steps work on at once."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from hashlib import md5

from flybill_pipeline.billing.money.period import Month


@dataclass(frozen=True, slots=True)
class ShardMonth:
    """One shard of a month, or just the orgs `only` of it, as of the moment `now` (UTC).

    `landed_by`: when the close began that works on it. It counts what had landed by then; None means by now.
    """

    month: Month
    shard: int
    now: datetime
    only: Collection[str] = ()
    landed_by: datetime | None = None


def shard_of(org_id: str, shards: int) -> int:
    """The shard of `org_id`, from 0 to `shards` - 1: the first 32 bits of its MD5 modulo `shards`.

    Stable while their number is: `flybill reshard` changes it. Lake and database compute the same in SQL.
    """
    return int(md5(org_id.encode(), usedforsecurity=False).hexdigest()[:8], 16) % shards

"""Which shard an organization belongs to. Nothing else: what a shard is used for is decided where it is used."""

from hashlib import md5


def shard_of(org_id: str, shards: int) -> int:
    """The shard of `org_id`, from 0 to `shards` - 1: the first 32 bits of its MD5 modulo `shards`.

    Stable for good: the number of shards is fixed when the database is created. The lake computes the same in SQL.
    """
    return int(md5(org_id.encode(), usedforsecurity=False).hexdigest()[:8], 16) % shards

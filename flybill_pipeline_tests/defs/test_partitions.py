"""What is typed as a partition where no guard stands before Dagster runs; its failure says how one is written."""

from collections.abc import Callable

import pytest

from flybill_pipeline.defs.partitions import read_day, read_month, read_month_shard, read_org_month


@pytest.mark.parametrize(
    ("read", "typed", "written"),
    [
        (read_month, "October", "write it as YYYY-MM, such as 2026-10"),
        (read_month, "2026-13", "write it as YYYY-MM, such as 2026-10"),
        (read_month_shard, "2026-10", "write it as 2026-10|07"),
        (read_month_shard, "2026-10|", "write it as 2026-10|07"),
        (read_month_shard, "2026-10|seven", "write it as 2026-10|07"),
        (read_month_shard, "2026-10|07|08", "write it as 2026-10|07"),
        (read_month_shard, "2026-13|07", "write it as YYYY-MM, such as 2026-10"),
        (read_day, "yesterday", "write it as 2026-10-05"),
        (read_day, "2026-10", "write it as 2026-10-05"),
        (read_org_month, "october", "write it as 2026-10/acme"),
        (read_org_month, "2026-10/", "write it as 2026-10/acme"),
        (read_org_month, "october/acme", "write it as YYYY-MM, such as 2026-10"),
    ],
)
def test_a_partition_that_cannot_be_read_is_told_with_how_one_is_written(
    read: Callable[[str], object], typed: str, written: str
) -> None:
    with pytest.raises(ValueError, match=r"^('|there is no month)") as refused:
        read(typed)
    assert written in str(refused.value)

"""A month of the lake in the shape that pricing wants: org by org, as billing's own values. No query of its own."""

from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from itertools import groupby

from flybill_pipeline.billing.decimals import ZERO, exact
from flybill_pipeline.billing.period import Month
from flybill_pipeline.billing.usage import OrgUsage, UsageTotal
from flybill_pipeline.stores.usage_fingerprints import usage_fingerprints, usage_version
from flybill_pipeline.stores.usage_lake import UsageLake, dimensions_of


class MonthlyUsage:
    """The compiled usage of whole months."""

    def __init__(self, lake: UsageLake) -> None:
        self._lake = lake

    def of_month(
        self, month: Month, shard: int | None, org_ids: Collection[str] = (), *, by_day: bool = False
    ) -> Iterator[OrgUsage]:
        """Every org of the shard that has usage in the month, or just `org_ids`, in order of org ids.

        `by_day` gives a total for each day, which prices that change within the month need.
        """
        rows = self._lake.monthly_totals(month.days(), shard=shard, org_ids=sorted(org_ids) or None, by_day=by_day)
        for org_id, found in groupby(rows, key=lambda row: row.org_id):
            totals = list(found)
            yield OrgUsage(
                org_id=org_id,
                totals=tuple(
                    UsageTotal(org_id, row.meter, dimensions_of(row.dimensions), row.quantity, row.day, row.events)
                    for row in totals
                ),
                up_to=max(row.last_event_at for row in totals),
            )

    def version(self, month: Month) -> str:
        """Names all usage of the month; see usage_fingerprints.usage_version."""
        return usage_version(self._lake, month)

    def fingerprints(self, month: Month, shard: int | None, org_ids: Collection[str] = ()) -> Mapping[str, str]:
        """Org → what changes when its usage of the month does; see usage_fingerprints.usage_fingerprints."""
        return usage_fingerprints(self._lake, month, shard, org_ids)

    def by_meter(self, month: Month) -> dict[str, Decimal]:
        """The exact quantity of the month per meter, in the unit that usage is recorded in."""
        sums: dict[str, Decimal] = {}
        with exact():
            for row in self._lake.monthly_totals(month.days()):
                sums[row.meter] = sums.get(row.meter, ZERO) + row.quantity
        return sums

    def numbers(self, month: Month) -> dict[str, int]:
        """How many events of the month count, and how many do not; `quarantined` rows are those of all landed files."""
        days = self._lake.catalog.manifests(month.days()).values()
        return {
            "rows": sum(day.rows for day in days),
            "duplicates": sum(day.duplicates for day in days),
            "conflicts": sum(day.conflicts for day in days),
            "quarantined": sum(sum((file.quarantined or {}).values()) for file in self._lake.catalog.files()),
        }

"""Accounts for a month's usage: what the lake holds must stand in lines or wait with a reason. Only reads."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Protocol

from flybill_pipeline.billing.money.decimals import ZERO, exact, plain
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.usage.totals import OrgUsage


class Lake(Protocol):
    """What the lake holds."""

    def by_meter(self, month: Month) -> Mapping[str, Decimal]:
        """The exact quantity of a month, per meter."""

    def fingerprints(self, month: Month, shard: int | None) -> Mapping[str, str]:
        """Org → what changes when its usage of the month does."""

    def of_month(self, month: Month, shard: int | None, org_ids: Collection[str] = ()) -> Iterable[OrgUsage]: ...


class Books(Protocol):
    """What stands in the billing tables."""

    def accounted_usage(
        self, month: Month, org_ids: Collection[str] | None = None
    ) -> Mapping[str, tuple[Decimal, Decimal, Decimal]]:
        """Per meter the quantity in the month's own lines, in settled later lines, and what waits with a problem."""

    def priced_from(self, month: Month) -> Mapping[str, str]:
        """Org → the fingerprint of the usage that its lines of the month were last priced from."""

    def beyond_billing(self, month: Month, org_ids: Collection[str], lookback_months: int) -> set[str]:
        """Those of `org_ids` whose usage of the month no open month can bill any more."""


@dataclass(frozen=True, slots=True)
class MeterAccount:
    """One meter's month. Quantities in the unit that usage is recorded in.

    `adjusted` stands in lines of later months. `not_yet_due` came after the month was priced, and the next close bills
    it; `too_late` came when no close could.
    """

    meter: str
    landed: Decimal
    in_lines: Decimal = ZERO
    adjusted: Decimal = ZERO
    waiting: Decimal = ZERO
    not_yet_due: Decimal = ZERO
    too_late: Decimal = ZERO

    @property
    def missing(self) -> Decimal:
        """What the lake holds and nobody accounts for: a fault of ours."""
        with exact():
            accounted = self.in_lines + self.adjusted + self.waiting + self.not_yet_due + self.too_late
            return self.landed - accounted

    @property
    def balanced(self) -> bool:
        return self.missing == 0

    def as_row(self) -> dict[str, str]:
        """The account as text, for a table."""
        names = ("landed", "in_lines", "adjusted", "waiting", "not_yet_due", "too_late", "missing")
        return {"meter": self.meter, **{name: plain(getattr(self, name)) for name in names}}


def account_for_usage(month: Month, lake: Lake, books: Books, lookback_months: int) -> list[MeterAccount]:
    """The account of every meter that has usage or lines in the month, by name.

    What is late is not taken to be all that is missing: only usage of orgs whose usage did change since they were
    priced. For any other org a difference stays missing.
    """
    landed, accounted = lake.by_meter(month), books.accounted_usage(month)
    due, too_late = _late(month, lake, books, lookback_months)
    meters = landed.keys() | accounted.keys() | due.keys() | too_late.keys()
    return [
        replace(
            MeterAccount(meter, landed.get(meter, ZERO), *accounted.get(meter, (ZERO, ZERO, ZERO))),
            not_yet_due=due.get(meter, ZERO),
            too_late=too_late.get(meter, ZERO),
        )
        for meter in sorted(meters)
    ]


def _late(
    month: Month, lake: Lake, books: Books, lookback_months: int
) -> tuple[Mapping[str, Decimal], Mapping[str, Decimal]]:
    """Per meter what came after pricing: what the next close bills, and what none can bill."""
    priced_from, now = books.priced_from(month), lake.fingerprints(month, None)
    changed = [org for org in priced_from.keys() | now.keys() if priced_from.get(org, "") != now.get(org, "")]
    beyond = books.beyond_billing(month, changed, lookback_months)
    return (
        _unaccounted(month, lake, books, [org for org in changed if org not in beyond]),
        _unaccounted(month, lake, books, sorted(beyond)),
    )


def _unaccounted(month: Month, lake: Lake, books: Books, org_ids: Collection[str]) -> Mapping[str, Decimal]:
    if not org_ids:
        return {}
    left: dict[str, Decimal] = {}
    with exact():
        for used in lake.of_month(month, None, org_ids):
            for total in used.totals:
                left[total.meter] = left.get(total.meter, ZERO) + total.quantity
        for meter, parts in books.accounted_usage(month, org_ids).items():
            left[meter] = left.get(meter, ZERO) - sum(parts, ZERO)
    return left

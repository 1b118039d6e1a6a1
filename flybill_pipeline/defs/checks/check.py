"""What a check is: one value with its name, its words, its severity, its alert, and how it is looked at. No checks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Generic, TypeVar

import dagster as dg

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.defs.metadata.tables import Metadata, evidence
from flybill_pipeline.defs.partitions import Partitions, read_day, read_month, read_month_shard
from flybill_pipeline.toolbox.tools import Toolbox

WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR
Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class Cut(Generic[Part]):
    """How an asset and its checks are cut into parts, and which part a partition key names."""

    partitions: Callable[[Partitions], dg.PartitionsDefinition[str] | None]
    read: Callable[[str], Part]


WHOLE: Cut[None] = Cut(lambda _: None, lambda _: None)
DAY: Cut[date] = Cut(lambda partitions: partitions.days, read_day)
MONTH: Cut[Month] = Cut(lambda partitions: partitions.months, read_month)
MONTH_SHARD: Cut[tuple[Month, int]] = Cut(lambda partitions: partitions.month_shards, read_month_shard)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a look found. `metadata` shows the offenders; `warning`: what was found is not bad enough to be red.

    `says` takes the place of the check's own sentence, where that is not what is so.
    """

    passed: bool
    metadata: Metadata = field(default_factory=dict)
    warning: bool = False
    says: str | None = None


def offenders(rows: Sequence[Mapping[str, Any]], title: str, number: int | None = None) -> Finding:
    """Good when there are none; else a table of them, and how many there are, which Dagster plots.

    `number` where `rows` are only the first of them.
    """
    return Finding(not rows, {"number found": len(rows) if number is None else number, **evidence(rows, title)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Generic[Part]):
    """Something that must be true of each part of an asset.

    `holds`, `broken` and `remedy` are sentences: what is true when it is green, what is wrong when it is not, and what
    to do then. When its last result is red, people are told `broken` and `remedy`, unless `no_alert_because` says why
    not. `look` is None where the asset looks by itself, while it is materialized.
    """

    name: str
    asset: str
    cut: Cut[Part]
    severity: dg.AssetCheckSeverity
    holds: str
    broken: str
    remedy: str
    no_alert_because: str | None
    look: Callable[[Toolbox, Part], Finding] | None
    blocking: bool = False

    @property
    def key(self) -> dg.AssetCheckKey:
        """The name that Dagster keeps its results under."""
        return dg.AssetCheckKey(dg.AssetKey(self.asset), self.name)

    def spec(self, partitions: Partitions) -> dg.AssetCheckSpec:
        """Tells Dagster of the check."""
        colour = "red" if self.severity == ERROR else "yellow"
        return dg.AssetCheckSpec(
            self.name,
            asset=self.asset,
            description=f"{self.holds} If it is {colour}: {self.remedy}",
            partitions_def=self.cut.partitions(partitions),
            blocking=self.blocking,
        )

    def result(self, finding: Finding) -> dg.AssetCheckResult:
        """The finding of a run that looks at the check."""
        return dg.AssetCheckResult(check_name=self.name, **self._shown(finding))

    def evaluation(self, finding: Finding, partition: str) -> dg.AssetCheckEvaluation:
        """The finding of a run that does not look at the check by itself, but changed what it is about."""
        return dg.AssetCheckEvaluation(
            asset_key=self.key.asset_key, check_name=self.name, partition=partition, **self._shown(finding)
        )

    def _shown(self, finding: Finding) -> dict[str, Any]:
        return {
            "passed": finding.passed,
            "severity": WARN if finding.warning else self.severity,
            "description": finding.says or (self.holds if finding.passed else self.broken),
            "metadata": finding.metadata,
        }

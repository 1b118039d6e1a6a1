"""How one org's month is settled: the draft's totals and the outcome decided on them. Deciding is in outcomes.py."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class DraftTotal:
    """What deciding about one org's month needs of its draft; amounts in minor units of `currency`.

    `problems` are JSON objects with code, message and remedy; `currency` is None for an org that nobody imported.
    `priced_from` names the inputs that it was priced from, where they are on record.
    """

    org_id: str
    currency: str | None
    total_minor: int
    carried_minor: int
    problems: Sequence[Mapping[str, Any]]
    priced_at: datetime
    priced_from: str | None


@dataclass(frozen=True, slots=True)
class Settlement:
    """One org's month with the outcome decided for it; a sentence is None where there is nothing to say."""

    draft: DraftTotal
    outcome: str
    code: str | None = None
    message: str | None = None
    remedy: str | None = None
    customer_message: str | None = None

"""What the reading of payments hands around: how far it is, what it kept, a page of what was seen. Values only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from flybill_pipeline.billing.payments.standing import Observation

Via: TypeAlias = Literal["events", "listing", "webhook"]
"""How an observation came: polled as an event, read from the object itself, pushed to us."""


@dataclass(frozen=True, slots=True)
class Window:
    """From `since` on, to before `until`; None: to the present."""

    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Poll:
    """How far Stripe's events are read: all up to `read_up_to`, by Stripe's clock; None before the first time.

    `failing_since` is the first of the failed attempts after that, with what the last of them met. `fell_back_at` is
    when the objects themselves had to be read because the events were gone.
    """

    read_up_to: datetime | None = None
    tried_at: datetime | None = None
    failing_since: datetime | None = None
    failure: str | None = None
    remedy: str | None = None
    fell_back_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """What of some observations was new: about invoices of ours, and about others', which are only counted.

    `arrived` is the money of invoices that were newly seen as paid, in minor units per currency.
    """

    new: int = 0
    not_ours: int = 0
    arrived: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SeenPage:
    """One page of events or objects, newest first; `next_after` continues it, None at its end.

    `unreadable` names the entries that could not be read at all.
    """

    observations: Sequence[Observation]
    next_after: str | None
    unreadable: Sequence[str] = ()

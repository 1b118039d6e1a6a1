"""The moments at which calls to Stripe may leave, handed out to all processes of one database. No calls, no judging.

A row for each endpoint and one for the account: the moment that is free next, and until when each call counts that may
be among those of Stripe's last second, in the order in which they leave. Postgres' clock counts, so that those of
machines need not agree. What a process took that died since is forgotten when its call can be under way no longer.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from flybill_pipeline.stores.postgres.driver import Driver

ACCOUNT = "*"
"""The row of all endpoints together."""
LATE = timedelta(milliseconds=40)
"""By so much a call that comes late does not delay the next one."""
FURTHEST = timedelta(seconds=10)
"""So far away a moment is at most: a clock that was set back stops nobody for longer."""
UNDER_WAY = timedelta(seconds=40)
"""So long a call counts that has no answer: more than it is waited for."""
WINDOW = timedelta(seconds=1)
"""Stripe states its limits per second."""

_BOTH = """
insert into flybill.stripe_slots as slot (lane, step, next_at, counts_until)
values (%(account)s, {account}), (%(endpoint)s, {endpoint})
on conflict (lane) do update set {change}
"""
"""The account's row comes first, always: two that change both wait for each other there, and never longer."""
_NEW = "%({0}_step)s, clock_timestamp() + %({0}_step)s, array[clock_timestamp() + %(under_way)s]"
_TAKE = _BOTH.format(
    account=_NEW.format("account"),
    endpoint=_NEW.format("endpoint"),
    change="""step = excluded.step,
    next_at = excluded.step + greatest(
        least(slot.next_at, clock_timestamp() + %(furthest)s), clock_timestamp() - %(late)s
    ),
    counts_until = array(select each from unnest(slot.counts_until) each where each > clock_timestamp())
        || (clock_timestamp() + %(under_way)s)
    returning next_at - step - clock_timestamp(), counts_until[cardinality(counts_until)]""",
)
_ANSWERED = _BOTH.format(
    account="interval '0', clock_timestamp(), array[%(of_account)s]",
    endpoint="interval '0', clock_timestamp(), array[%(of_endpoint)s]",
    change="""counts_until =
    array_replace(slot.counts_until, excluded.counts_until[1], clock_timestamp() + %(counts)s)
    returning lane""",
)
_AHEAD = """
select count(*) filter (where each > clock_timestamp()) from flybill.stripe_slots slot,
unnest(slot.counts_until[:array_position(slot.counts_until, {}) - 1]) each where slot.lane = {}
"""
_BOTH_AHEAD = " union all ".join(
    _AHEAD.format(f"%(of_{name})s::timestamptz", f"%({name})s") for name in ("account", "endpoint")
)


@dataclass(frozen=True, slots=True)
class Turn:
    """A call's place in both rows, and the seconds until its moment."""

    endpoint: str
    seconds: float
    of_account: datetime
    of_endpoint: datetime

    @property
    def place(self) -> dict[str, object]:
        """Where it stands."""
        lanes = {"account": ACCOUNT, "endpoint": self.endpoint}
        return {**lanes, "of_account": self.of_account, "of_endpoint": self.of_endpoint}


class Slots:
    """Takes turns at Stripe with all other processes."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def take(self, endpoint: str, endpoint_rate: float, account_rate: float) -> Turn:
        """Takes the next moment for a call to `endpoint`, at these rates in calls per second."""
        steps = {
            "account_step": timedelta(seconds=1 / account_rate),
            "endpoint_step": timedelta(seconds=1 / endpoint_rate),
        }
        waits = {"late": LATE, "furthest": FURTHEST, "under_way": UNDER_WAY}
        rows = self._driver.rows(_TAKE, {"account": ACCOUNT, "endpoint": endpoint, **steps, **waits})
        (account_wait, of_account), (endpoint_wait, of_endpoint) = rows
        seconds = max(account_wait, endpoint_wait, timedelta()).total_seconds()
        return Turn(endpoint, seconds, of_account, of_endpoint)

    def ahead(self, turn: Turn) -> tuple[int, int]:
        """How many calls that left before may have arrived in the last second: of the account, and to the endpoint."""
        (account,), (endpoint,) = self._driver.rows(_BOTH_AHEAD, turn.place)
        return account, endpoint

    def answered(self, turn: Turn, arrived: float) -> None:
        """The call has come back, with whatever answer; it arrived that many seconds ago."""
        self._driver.rows(_ANSWERED, {**turn.place, "counts": WINDOW - timedelta(seconds=arrived)})

"""Fault plans: which request fails, and how. Belongs here: the kinds, reading a plan, and picking. Does not: carrying
a fault out (`engine`, `app`)."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any

from .router import ALIASES, ENDPOINTS
from .store import Store


class Stage(Enum):
    """Where a fault strikes."""

    EDGE = "before Stripe: nothing is executed, nothing saved"
    RUN = "in place of the endpoint, after validation; a replay of a saved answer is not affected"
    WIRE = "on the way back: everything is executed and saved"


@dataclass(frozen=True)
class Kind:
    """One kind of fault; `seconds` is its default duration. `writes_only`: random plans spare GET and DELETE."""

    stage: Stage
    what: str
    seconds: float = 0.0
    writes_only: bool = False


KINDS = {
    "reset_before": Kind(Stage.EDGE, "the connection is closed without a byte"),
    "http_503": Kind(Stage.EDGE, "503 with Stripe's error body"),
    "html_502": Kind(Stage.EDGE, "502 with a page of HTML"),
    "rate_limited": Kind(Stage.EDGE, "429 with Stripe-Rate-Limited-Reason"),
    "unauthorized": Kind(Stage.EDGE, "401"),
    "forbidden": Kind(Stage.EDGE, "403"),
    "lock_timeout": Kind(Stage.EDGE, "429 lock_timeout, without a reason", writes_only=True),
    "key_in_use": Kind(Stage.EDGE, "409 idempotency_key_in_use", writes_only=True),
    "late_commit": Kind(Stage.RUN, "no byte now, executed once `seconds` later", seconds=0.3, writes_only=True),
    "refused": Kind(Stage.RUN, "400 invoice_no_payment_method_types, saved under the key", writes_only=True),
    "http_500_before": Kind(Stage.RUN, "500, not executed, saved under the key"),
    "http_500_after": Kind(Stage.RUN, "500, executed, saved under the key"),
    "lock_timeout_cached": Kind(Stage.RUN, "429 lock_timeout, not executed, saved under the key", writes_only=True),
    "reset_after": Kind(Stage.WIRE, "the connection is closed without a byte"),
    "cut_body": Kind(Stage.WIRE, "half of the body, then the connection is closed"),
    "slow": Kind(Stage.WIRE, "the answer comes `seconds` later; the key is in flight until then", seconds=1.0),
}

FOR_A_PERSON = ("unauthorized", "forbidden", "refused")
"""What Stripe answers until a person has mended something; random plans bring what passes by itself."""
RANDOM_KINDS = tuple(kind for kind in KINDS if kind not in FOR_A_PERSON)
RANDOM_SLOW_SECONDS = 0.2

_MATCH_FIELDS = {"endpoint": str, "customer": str, "invoice": str, "nth": int, "times": int}


class PlanError(ValueError):
    """A fault plan that cannot be understood; its text is for the one who posted it."""


@dataclass
class Rule:
    """One entry of a plan. `seen` counts the requests that match, `fired` those that were given the fault."""

    fault: str = ""
    seconds: float | None = None
    match: dict[str, Any] = field(default_factory=dict)
    seed: int | None = None
    rate: float = 0.0
    kinds: list[str] = field(default_factory=list)
    endpoints: list[str] = field(default_factory=list)
    seen: int = 0
    fired: int = 0


@dataclass
class Fault:
    """A fault given to one request; `struck` once it had its effect."""

    kind: str
    seconds: float
    struck: bool = False

    @property
    def stage(self) -> Stage:
        """Where it strikes."""
        return KINDS[self.kind].stage


Target = Callable[[], tuple[str | None, str | None]]
"""The customer and the invoice that a request is about; looked up only if a rule asks."""


class Faults:
    """The active rules, kept in the store so that they survive a restart."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rules = [Rule(**rule) for rule in store.recall("fault_rules", [])]

    def post(self, plan: Any) -> int:
        """Adds a plan to the active ones and returns how many rules are active; raises PlanError."""
        rules = [_rule(entry) for entry in (plan if isinstance(plan, list) else [plan])]
        self._rules += rules
        self._remember()
        return len(self._rules)

    def clear(self) -> None:
        """Removes all rules."""
        self._rules = []
        self._remember()

    def pick(self, endpoint: str, method: str, target: Target) -> Fault | None:
        """Counts the request against every rule; the first that fires gives the fault."""
        if not self._rules:
            return None
        picked: Fault | None = None
        for rule in self._rules:
            if _matches(rule, endpoint, target):
                rule.seen += 1
                if picked is None and (picked := _draw(rule, method)):
                    rule.fired += 1
        self._remember()
        return picked

    def _remember(self) -> None:
        self._store.remember("fault_rules", [asdict(rule) for rule in self._rules])


def _matches(rule: Rule, endpoint: str, target: Target) -> bool:
    if rule.seed is not None:
        return not rule.endpoints or endpoint in rule.endpoints
    if rule.match.get("endpoint", endpoint) != endpoint:
        return False
    if "customer" in rule.match or "invoice" in rule.match:
        customer, invoice = target()
        return rule.match.get("customer", customer) == customer and rule.match.get("invoice", invoice) == invoice
    return True


def _draw(rule: Rule, method: str) -> Fault | None:
    """Whether the rule fires for the request just counted."""
    if rule.seed is not None:
        return _random(rule, method)
    nth, times = rule.match.get("nth"), rule.match.get("times")
    if (nth is not None and rule.seen != nth) or (times is not None and rule.fired >= times):
        return None
    return Fault(rule.fault, KINDS[rule.fault].seconds if rule.seconds is None else rule.seconds)


def _random(rule: Rule, method: str) -> Fault | None:
    """The same seed and the same sequence of requests give the same faults."""
    chance = random.Random(f"{rule.seed}:{rule.seen}")  # noqa: S311 - repeatable, not secret
    if chance.random() >= rule.rate:
        return None
    kinds = [kind for kind in rule.kinds if method == "POST" or not KINDS[kind].writes_only]
    if not kinds:
        return None
    kind = chance.choice(kinds)
    default = RANDOM_SLOW_SECONDS if kind == "slow" else KINDS[kind].seconds
    return Fault(kind, default if rule.seconds is None else rule.seconds)


def _rule(entry: Any) -> Rule:
    if not isinstance(entry, dict):
        raise PlanError("A fault plan is a list of objects, or one object with seed and rate.")
    if "seed" in entry:
        return _random_rule(entry)
    _known(entry, {"match", "fault", "seconds"}, "member of a fault")
    match = dict(entry.get("match") or {})
    _known(match, set(_MATCH_FIELDS), "member of match")
    for name, value in match.items():
        _check_match(name, value)
    if "endpoint" in match:
        match["endpoint"] = _endpoint(match["endpoint"])
    return Rule(fault=_kind(entry.get("fault")), seconds=_number(entry, "seconds"), match=match)


def _check_match(name: str, value: Any) -> None:
    wanted = _MATCH_FIELDS[name]
    if type(value) is not wanted or (isinstance(value, int) and value < 1):
        what = "a positive whole number" if wanted is int else "a string"
        raise PlanError(f"match.{name} is {value!r}, but must be {what}.")


def _random_rule(entry: dict[str, Any]) -> Rule:
    _known(entry, {"seed", "rate", "kinds", "endpoints", "seconds"}, "member of a random plan")
    rate = _number(entry, "rate")
    if rate is None or not 0 <= rate <= 1 or not isinstance(entry["seed"], int):
        raise PlanError("A random plan needs an integer seed and a rate from 0 to 1.")
    return Rule(
        seed=entry["seed"],
        rate=rate,
        seconds=_number(entry, "seconds"),
        kinds=[_kind(kind) for kind in entry.get("kinds") or RANDOM_KINDS],
        endpoints=[_endpoint(name) for name in entry.get("endpoints") or ()],
    )


def _endpoint(name: Any) -> str:
    canonical = ALIASES.get(name, name)
    if canonical not in ENDPOINTS:
        raise PlanError(f"Unknown endpoint {name!r}. Known: {', '.join(ENDPOINTS)}; short: {', '.join(ALIASES)}.")
    return str(canonical)


def _kind(name: Any) -> str:
    if name not in KINDS:
        raise PlanError(f"Unknown fault {name!r}. Known: {', '.join(KINDS)}.")
    return str(name)


def _number(entry: dict[str, Any], name: str) -> float | None:
    value = entry.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or value < 0):
        raise PlanError(f"{name} is {value!r}, but must be a number that is not negative.")
    return value


def _known(entry: dict[str, Any], names: set[str], what: str) -> None:
    if unknown := sorted(set(entry) - names):
        raise PlanError(f"Unknown {what}: {', '.join(unknown)}. Known: {', '.join(sorted(names))}.")

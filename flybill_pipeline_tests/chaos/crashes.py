"""Ports that crash at a boundary of a call: just before it, or after it and before anybody heard of its result."""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from flybill_pipeline.steps.sync.ports import Ledger, Stripe
from flybill_pipeline_tests.chaos.bugs import NO_BUG, Bug

if TYPE_CHECKING:
    from flybill_pipeline_tests.chaos.world import World


class Crash(BaseException):
    """The process died here. Not an Exception: nothing may catch it and go on."""


@dataclass
class Boundaries:
    """Counts the boundaries that a run passes, and crashes at those that `fatal` names."""

    fatal: Callable[[int], bool] = lambda _: False
    passed: int = 0
    names: list[str] = field(default_factory=list)
    _mutex: threading.Lock = field(default_factory=threading.Lock)

    def cross(self, name: str) -> None:
        """One boundary; raises Crash at a fatal one."""
        with self._mutex:
            number = self.passed
            self.passed += 1
            self.names.append(name)
            fatal = self.fatal(number)
        if fatal:
            raise Crash(name)


class Crashing:
    """Any port, with a boundary on both sides of each of its methods."""

    def __init__(self, port: Any, boundaries: Boundaries) -> None:
        self._port = port
        self._boundaries = boundaries

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        if not callable(method):
            return method

        def call(*args: Any, **kwargs: Any) -> Any:
            self._boundaries.cross(f"before {name}")
            result = method(*args, **kwargs)
            self._boundaries.cross(f"after {name}")
            return result

        return call


class CrashingLedger:
    """A ledger whose durable rows crash; the claims and the work list do not.

    Those of what customers were told do where that is tried (`telling`): each invoice crosses two more boundaries then.
    """

    def __init__(self, ledger: Ledger, boundaries: Boundaries, *, telling: bool) -> None:
        self.invoices = Crashing(ledger.invoices, boundaries)
        self.customers = Crashing(ledger.customers, boundaries)
        self.profiles = Crashing(ledger.profiles, boundaries) if telling else ledger.profiles
        self._ledger = ledger

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)


def crashing(boundaries: Boundaries, bug: Bug = NO_BUG, *, telling: bool = False) -> dict[str, Any]:
    """What to hand to `World.sync` so that it crashes at these boundaries (and has this bug)."""
    return {
        "ledger_of": lambda ledger: cast(Ledger, CrashingLedger(bug.ledger_of(ledger), boundaries, telling=telling)),
        "stripe_of": lambda stripe: cast(Stripe, Crashing(bug.stripe_of(stripe), boundaries)),
    }


def crash_at(world: "World", name: str, bug: Bug = NO_BUG) -> bool:
    """A run that dies at the first boundary of this name, such as "after finalize_invoice"; whether it came to that."""
    boundaries = Boundaries()
    boundaries.fatal = lambda _: boundaries.names[-1] == name
    try:
        world.sync(**crashing(boundaries, bug), workers=1)
    except Crash:
        return True
    return False


def now_and_then(seed: int, rate: float) -> Callable[[int], bool]:
    """Crashes at random boundaries, the same ones for the same seed."""
    chance = random.Random(seed)
    return lambda _: chance.random() < rate

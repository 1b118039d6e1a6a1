"""What goes wrong around the sync without any fault of Stripe's: clocks, editors, new terms. No pipeline here.

Each does one thing to a world, at random, between two attempts.
"""

import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta

from stripe import StripeError

from flybill_pipeline_tests.chaos.people import FINAL, People
from flybill_pipeline_tests.chaos.world import World

OFF = [sign * timedelta(minutes=minutes) for minutes in (10, 70, 600, 4320) for sign in (1, -1)]
"""By how much our clock may be off: minutes, hours, days."""


def wrong_clock(world: World, chance: random.Random) -> None:
    """Our clock jumps: to the right time, or to another wrong one."""
    world.skew = chance.choice([timedelta(0), *OFF])


def edited_invoices(world: World, chance: random.Random) -> None:
    """Another program overwrites the metadata of some invoices that are final, the newest first."""
    people = People(world.engine, world.stripe())
    with suppress(StripeError):  # its calls fail as ours do
        final = [invoice for invoice in people.invoices() if invoice["status"] in FINAL]
        for invoice in final[-chance.randint(1, 5) :]:
            people.edit(invoice, chance.choice(["wipe all", "wipe our id", "overwrite"]))


def new_terms(world: World, chance: random.Random) -> None:
    """Some orgs are imported anew, with other terms, names and addresses."""
    people = People(world.engine, world.stripe())
    orgs = sorted(people.links())
    for org_id in chance.sample(orgs, k=min(10, len(orgs))):
        people.change_terms(org_id, chance.choice([None, 14, 30]))


MISCHIEF: Mapping[str, Callable[[World, random.Random], None]] = {
    "wrong clocks": wrong_clock,
    "edited invoices": edited_invoices,
    "new terms": new_terms,
}

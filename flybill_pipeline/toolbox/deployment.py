"""What every room's tools are made of: the settings of one deployment, its clock, its ways out. No store is here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from flybill_pipeline.billing.invoicing.shards import shard_of
from flybill_pipeline.settings import Settings
from flybill_pipeline.stores.postgres.database import open_engine
from flybill_pipeline.stores.postgres.shards import expect_shards

if TYPE_CHECKING:
    from flybill_pipeline.steps.alerts.mail_customers import Post
    from flybill_pipeline.steps.alerts.send_events import Endpoint
    from flybill_pipeline.steps.alerts.tell_problems import Channel
    from flybill_pipeline.stripe_gateway.gateway import Gateway
    from flybill_pipeline.stripe_gateway.limiter import Slots


@dataclass(frozen=True)
class Deployment:
    """One deployment. `settings` must be complete (see local.services), with the shards of the database.

    `now` is the clock of every step; `open_stripe` makes the gateway, whose calls take those slots, and refuses a key
    that must not be used; `channels` bring alerts to people, by name; `post_to` gives what brings mail to a customer's
    address, None without a mail server; `platform` takes events, None where it has no address. `reads`: it is for
    answers, and writes nothing that takes more than one statement (see `open_engine`).
    """

    settings: Settings
    now: Callable[[], datetime]
    open_stripe: Callable[["Slots"], "Gateway"]
    channels: "Mapping[str, Channel]"
    post_to: "Callable[[str], Post] | None" = None
    platform: "Endpoint | None" = None
    reads: bool = False

    @cached_property
    def engine(self) -> Engine:
        engine = open_engine(self.settings.database_url or "", reads=self.reads)
        expect_shards(engine, self.shards)
        return engine

    @property
    def shards(self) -> int:
        """The number of shards of the database."""
        return self.settings.shards

    def shard_of(self, org_id: str) -> int:
        """The shard that an organization belongs to."""
        return shard_of(org_id, self.shards)

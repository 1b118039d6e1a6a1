"""Names all that closing a shard of a month is made of, with this deployment's tools. Not whether it is done."""

import hashlib
from collections.abc import Mapping

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.stores.postgres.database import newest_revision
from flybill_pipeline.stores.pricing.price_books import load_price_books
from flybill_pipeline.toolbox.tools import Toolbox


def made_of(tools: Toolbox, month: Month) -> Mapping[int, str]:
    """Shard → a name that changes when closing it again might find anything new.

    In it are the usage of every day up to the month's last, all price books, items, terms and who is billed. So are the
    outcomes of earlier months, how far back is looked, this version, and Stripe's account where there were several.
    """
    accounts = tools.stripe_accounts
    of_all = (
        tools.pricing_inputs.now(month, tools.fingerprints(month)).inputs_id,
        load_price_books(tools.settings.prices),
        tools.lookback_months,
        tools.shards,
        accounts.mine() if accounts.has_others() else None,
        newest_revision(),
    )
    counted = tools.closed_shards.counted(month)
    return {shard: _named(of_all, counted.get(shard)) for shard in range(tools.shards)}


def _named(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:24]

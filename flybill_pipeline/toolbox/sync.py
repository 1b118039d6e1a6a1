"""The tools of the sync: what is on record of it, and Stripe itself."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from flybill_pipeline.stripe_gateway.keys import key_mark
from flybill_pipeline.toolbox.invoicing import InvoicingTools

if TYPE_CHECKING:
    from flybill_pipeline.billing.sync.accounts import StripeInUse
    from flybill_pipeline.billing.sync.untold import Untold
    from flybill_pipeline.stores.sync.accounts import Accounts
    from flybill_pipeline.stores.sync.billed import Billed
    from flybill_pipeline.stores.sync.ledger import SyncLedger
    from flybill_pipeline.stores.sync.month_checks import MonthChecks
    from flybill_pipeline.stores.sync.verdicts import Verdicts
    from flybill_pipeline.stripe_gateway.gateway import Gateway
    from flybill_pipeline.stripe_gateway.listing import InvoiceListing


@dataclass(frozen=True)
class SyncTools(InvoicingTools):
    """From finalized invoices to Stripe, and Stripe's own list to compare with."""

    @cached_property
    def stripe(self) -> "Gateway":
        return self.open_stripe(self.sync_ledger.slots)

    @cached_property
    def sync_ledger(self) -> "SyncLedger":
        from flybill_pipeline.stores.sync.ledger import SyncLedger

        return SyncLedger(self.engine, self._key_mark)

    @cached_property
    def stripe_accounts(self) -> "Accounts":
        from flybill_pipeline.stores.sync.accounts import Accounts

        return Accounts(self.engine, self._key_mark)

    @property
    def stripe_in_use(self) -> "StripeInUse":
        """Whom the key speaks to, as far as it is known; Stripe is not asked."""
        from flybill_pipeline.billing.sync.accounts import StripeInUse

        settings = self.settings
        known = self.stripe_accounts.mine()
        return StripeInUse(known, settings.stripe_live, settings.stripe_api_base, settings.uses_local_stripe)

    @cached_property
    def verdicts(self) -> "Verdicts":
        from flybill_pipeline.stores.sync.verdicts import Verdicts

        return Verdicts(self.engine)

    def untold(self) -> "list[Untold]":
        """What changed of organizations and was not told to Stripe yet; Stripe is not asked."""
        from flybill_pipeline.stores.sync.untold import untold

        return untold(self.engine)

    @property
    def _key_mark(self) -> str:
        """Names the key, and whom it is shown to: a stand-in has accounts of its own, and takes any key."""
        key, base = self.settings.stripe_api_key, self.settings.stripe_api_base
        return "" if key is None else key_mark(" ".join(filter(None, (key.get_secret_value(), base))))

    @cached_property
    def month_checks(self) -> "MonthChecks":
        from flybill_pipeline.stores.sync.month_checks import MonthChecks

        return MonthChecks(self.engine)

    @cached_property
    def billed(self) -> "Billed":
        from flybill_pipeline.stores.sync.billed import Billed

        return Billed(self.engine, self._key_mark)

    @cached_property
    def stripe_list(self) -> "InvoiceListing":
        from flybill_pipeline.stripe_gateway.listing import InvoiceListing

        return InvoiceListing(self.stripe)

"""The tools of alerts: what troubles and budgets there are, and what people were told of them."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from flybill_pipeline.stores.alerts.budgets import Budgets
from flybill_pipeline.toolbox.sync import SyncTools

if TYPE_CHECKING:
    from flybill_pipeline.stores.alerts.events import Events
    from flybill_pipeline.stores.alerts.ledger import ProblemLedger
    from flybill_pipeline.stores.alerts.letters import Letters
    from flybill_pipeline.stores.alerts.troubles import Troubles
    from flybill_pipeline.stores.alerts.used_credits import UsedCredits


@dataclass(frozen=True)
class AlertTools(SyncTools):
    """From troubles to messages. The channels are the deployment's."""

    @cached_property
    def troubles(self) -> "Troubles":
        from flybill_pipeline.stores.alerts.troubles import Troubles

        return Troubles(self.engine)

    @cached_property
    def problem_ledger(self) -> "ProblemLedger":
        from flybill_pipeline.stores.alerts.ledger import ProblemLedger

        return ProblemLedger(self.engine)

    @cached_property
    def budgets(self) -> Budgets:
        return Budgets(self.engine)

    @cached_property
    def events(self) -> "Events":
        from flybill_pipeline.stores.alerts.events import Events

        return Events(self.engine)

    @cached_property
    def letters(self) -> "Letters":
        from flybill_pipeline.stores.alerts.letters import Letters

        return Letters(self.engine)

    @cached_property
    def used_credits(self) -> "UsedCredits":
        from flybill_pipeline.stores.alerts.used_credits import UsedCredits

        return UsedCredits(self.engine)

    @property
    def ui_url(self) -> str | None:
        """Where people who are told of a problem find Dagster."""
        return self.settings.ui_url

"""The whole toolbox: what everything that reads or writes works with. Each room adds its own; nothing stands here.

A tool is opened when it is first used, and only then is the library imported that it needs: `flybill owes` must not
wait for DuckDB or stripe. Nothing of it knows Dagster.
"""

from dataclasses import dataclass

from flybill_pipeline.toolbox.alerts import AlertTools
from flybill_pipeline.toolbox.payments import PaymentTools


@dataclass(frozen=True)
class Toolbox(AlertTools, PaymentTools):
    """Everything that reads or writes, for one deployment. Making one connects to nothing."""

    def close(self) -> None:
        """Closes what was opened."""
        for name in ("sync_ledger", "credit_notes"):
            if name in self.__dict__:
                self.__dict__[name].close()
        if "engine" in self.__dict__:
            self.engine.dispose()

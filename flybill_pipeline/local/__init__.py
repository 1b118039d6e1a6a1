"""Everything flybill needs on one machine, without Docker and without installing a database. Never used in production.

`services(settings)` is the one entry: inside it Postgres is running, and the emulator where nobody named a Stripe. All
flybill commands of one FLYBILL_HOME share them; they are gone when the last command ends.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pydantic import SecretStr

from flybill_pipeline.local.home import prepare_home
from flybill_pipeline.local.keeper import address_of, joined
from flybill_pipeline.local.surroundings import forget_other_servers
from flybill_pipeline.settings import Settings

__all__ = ["running_database", "services"]

EMULATOR_KEY = "sk_test_flybill_emulator"
LIVE_ACCOUNT_RATE = 96.0  # calls a second: the keeper starts the emulator with the limits of a live account


@contextmanager
def services(settings: Settings, *, stripe: bool = True, dagster: bool = True) -> Iterator[Settings]:
    """Yields `settings` completed with the addresses of what had to be started here.

    `stripe=False` leaves the emulator off, for commands that never speak to Stripe; `dagster=False` starts no Postgres
    for Dagster's database alone, for commands that start no run.
    The home is made ready first, and is ours alone. Raises `home.HomeError`, and `keeper.ServiceError` when
    something does not start.
    """
    prepare_home(settings.home)
    addresses: dict[str, object] = {}
    if settings.database_url is None and settings.dagster_database_url is None:  # else they may be about that one
        forget_other_servers()
    with ExitStack() as stack:
        if settings.database_url is None or (dagster and settings.dagster_database_url is None):
            address = stack.enter_context(joined(settings.home, "postgres"))
            addresses["database_url"] = settings.database_url or address.format("flybill")
            addresses["dagster_database_url"] = settings.dagster_database_url or address.format("dagster")
        if stripe and settings.uses_local_stripe:
            addresses["stripe_api_base"] = stack.enter_context(joined(settings.home, "emulator"))
            addresses["stripe_api_key"] = SecretStr(EMULATOR_KEY)
            addresses["stripe_account_rate"] = settings.stripe_account_rate or LIVE_ACCOUNT_RATE
        yield settings.model_copy(update=addresses)


def running_database(home: Path) -> str | None:
    """The address of the home's billing database while somebody uses it. Starts nothing, and makes no file."""
    address = address_of(home, "postgres")
    return None if address is None else address.format("flybill")

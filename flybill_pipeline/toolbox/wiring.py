"""Chooses the real things: from settings to the stores, the gateway, the clock. The only place where that is done."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flybill_pipeline.settings import Settings, SettingsError, read_settings
from flybill_pipeline.stores.files.folders import is_there
from flybill_pipeline.stores.pricing.price_books import PriceBookError, load_price_books
from flybill_pipeline.stripe_gateway.keys import KeyRefusedError, require_usable_key
from flybill_pipeline.toolbox.tools import Toolbox

if TYPE_CHECKING:
    from flybill_pipeline.notifiers.event_endpoint import EventEndpoint
    from flybill_pipeline.steps.alerts.mail_customers import Post
    from flybill_pipeline.steps.alerts.tell_problems import Channel
    from flybill_pipeline.stripe_gateway.gateway import Gateway
    from flybill_pipeline.stripe_gateway.limiter import Slots

CATALOGS_OF_OURS = ("own", "off")


def build_toolbox(settings: Settings) -> Toolbox:
    """The stores of one deployment. Connects to nothing, and needs no key until Stripe is first spoken to."""
    return Toolbox(
        settings=settings,
        now=lambda: datetime.now(UTC),
        open_stripe=lambda slots: open_stripe(settings, slots),
        channels=_channels(settings),
        post_to=_post_to(settings),
        platform=_platform(settings),
    )


def _channels(settings: Settings) -> "dict[str, Channel]":
    channels: dict[str, Channel] = {}
    if settings.alert_webhook_url is not None:
        from flybill_pipeline.notifiers.webhook import Webhook

        channels["webhook"] = Webhook(settings.alert_webhook_url.get_secret_value())
    if settings.alert_email_to is not None and settings.smtp_url is not None:
        from flybill_pipeline.notifiers.email import Email

        recipients = [address.strip() for address in settings.alert_email_to.split(",")]
        channels["email"] = Email(settings.smtp_url.get_secret_value(), settings.alert_email_from, recipients)
    return channels


def _post_to(settings: Settings) -> "Callable[[str], Post] | None":
    if settings.smtp_url is None:
        return None
    from flybill_pipeline.notifiers.email import Email

    server, sender = settings.smtp_url.get_secret_value(), settings.alert_email_from
    return lambda address: Email(server, sender, [address])


def _platform(settings: Settings) -> "EventEndpoint | None":
    if settings.events_url is None or settings.events_secret is None:
        return None
    from flybill_pipeline.notifiers.event_endpoint import EventEndpoint

    return EventEndpoint(settings.events_url.get_secret_value(), settings.events_secret.get_secret_value())


def require_usable_stripe(settings: Settings) -> None:
    """Raises SettingsError or KeyRefusedError when Stripe could not be spoken to with these settings.

    Without a key and an address the emulator stands in, once it runs.
    """
    if settings.stripe_api_key is not None:
        key = settings.stripe_api_key.get_secret_value()
        require_usable_key(key, base=settings.stripe_api_base, live=settings.stripe_live)
    elif not settings.uses_local_stripe:
        raise SettingsError("STRIPE_API_KEY is not set: set it, or unset STRIPE_API_BASE too to use the local emulator")


def usable_settings(home: str | None = None) -> Settings:
    """The settings that the environment describes, if work may begin with them. `home` is another default of it.

    Raises SettingsError with everything that is wrong: values, what they lead to, what they are together.
    """
    settings, faults = wrong_settings(home=home)
    if faults:
        raise SettingsError("\n".join(faults.values()))
    return settings


def wrong_settings(
    environ: Mapping[str, str] | None = None, home: str | None = None
) -> tuple[Settings, dict[str, str]]:
    """The settings, with defaults in place of what cannot be used, and a sentence for each variable that is wrong."""
    settings, faults = read_settings(environ, home)
    inputs = {"FLYBILL_PRICES": settings.prices, "FLYBILL_SOURCES": settings.sources}
    faults |= {name: f"{name}={path}: is not there" for name, path in inputs.items() if not is_there(path)}
    if "STRIPE_API_KEY" not in faults:
        try:
            require_usable_stripe(settings)
        except (SettingsError, KeyRefusedError) as error:
            faults["STRIPE_API_KEY"] = str(error)
    if settings.lake_catalog not in CATALOGS_OF_OURS and "://" not in settings.lake_catalog:
        faults |= _unknown_catalog(settings.lake_catalog)
    if settings.usage_engine != "duckdb":
        faults |= _unusable_engine(settings)
    return settings, faults


def _unusable_engine(settings: Settings) -> dict[str, str]:
    from flybill_pipeline.stores.usage.engines.summing import why_not

    url = settings.usage_engine_url
    why = why_not(settings.usage_engine, None if url is None else url.get_secret_value(), settings.lake_url)
    return {} if why is None else {"FLYBILL_USAGE_ENGINE": f"FLYBILL_USAGE_ENGINE={settings.usage_engine}: {why}"}


def _unknown_catalog(name: str) -> dict[str, str]:
    from pyiceberg.catalog import list_catalogs

    if name.lower() in list_catalogs():
        return {}
    described = f"in .pyiceberg.yaml or by variables such as PYICEBERG_CATALOG__{name.upper()}__URI"
    sentence = f"FLYBILL_LAKE_CATALOG={name}: pyiceberg's configuration has no such catalog: describe it {described}"
    return {"FLYBILL_LAKE_CATALOG": sentence}


def require_readable_inputs(settings: Settings) -> None:
    """Raises SettingsError with every fault when price books or the source mapping cannot be read."""
    from flybill_pipeline.stores.usage.intake.sources import SourcesError, load_sources

    faults: list[str] = []
    try:
        load_price_books(settings.prices)
    except PriceBookError as error:
        faults += error.faults
    try:
        load_sources(settings.sources)
    except SourcesError as error:
        faults.append(str(error))
    if faults:
        raise SettingsError("\n".join(faults))


def open_stripe(settings: Settings, slots: "Slots | None" = None, *, quick: bool = False) -> "Gateway":
    """The gateway of these settings, at the pace that `slots` share with other processes.

    `quick`: one that does not wait for as long as the sync does.

    Raises SettingsError or KeyRefusedError.
    """
    from flybill_pipeline.stripe_gateway.calls import limiter_for
    from flybill_pipeline.stripe_gateway.contents import Contents
    from flybill_pipeline.stripe_gateway.gateway import Gateway, QuickGateway

    require_usable_stripe(settings)
    if settings.stripe_api_key is None:
        raise SettingsError("STRIPE_API_KEY is not set, and no emulator runs here: set it")
    return (QuickGateway if quick else Gateway)(
        settings.stripe_api_key.get_secret_value(),
        base=settings.stripe_api_base,
        live=settings.stripe_live,
        contents=Contents(
            automatic_tax=settings.stripe_automatic_tax,
            tax_behavior=settings.stripe_tax_behavior,
            statement_url=settings.statement_url,
            own_numbers=settings.stripe_numbers == "ours",
        ),
        limiter=limiter_for(
            live=settings.stripe_live,
            endpoint=settings.stripe_rate,
            account=settings.stripe_account_rate,
            slots=slots,
        ),
    )

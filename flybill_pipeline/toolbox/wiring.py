"""Chooses the real things: from settings to the stores, the gateway, the clock. The only place where that is done."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flybill_pipeline.notifiers.email import Email
from flybill_pipeline.notifiers.webhook import Webhook
from flybill_pipeline.settings import Settings, SettingsError
from flybill_pipeline.steps.alerts.tell_problems import Channel
from flybill_pipeline.toolbox.tools import Toolbox

if TYPE_CHECKING:
    from flybill_pipeline.stripe_gateway.gateway import Gateway


def build_toolbox(settings: Settings) -> Toolbox:
    """The stores of one deployment. Connects to nothing, and needs no key until Stripe is first spoken to."""
    return Toolbox(
        settings=settings,
        now=lambda: datetime.now(UTC),
        open_stripe=lambda: _open_stripe(settings),
        channels=_channels(settings),
    )


def _channels(settings: Settings) -> dict[str, Channel]:
    channels: dict[str, Channel] = {}
    if settings.alert_webhook_url is not None:
        channels["webhook"] = Webhook(settings.alert_webhook_url.get_secret_value())
    if settings.alert_email_to is not None and settings.smtp_url is not None:
        recipients = [address.strip() for address in settings.alert_email_to.split(",")]
        channels["email"] = Email(settings.smtp_url.get_secret_value(), settings.alert_email_from, recipients)
    return channels


def _open_stripe(settings: Settings) -> "Gateway":
    from flybill_pipeline.stripe_gateway.gateway import Gateway, limiter_for

    if settings.stripe_api_key is None:
        raise SettingsError("STRIPE_API_KEY is not set: set it, or unset STRIPE_API_BASE too to use the local emulator")
    return Gateway(
        settings.stripe_api_key.get_secret_value(),
        base=settings.stripe_api_base,
        live=settings.stripe_live,
        automatic_tax=settings.stripe_automatic_tax,
        limiter=limiter_for(
            live=settings.stripe_live, endpoint=settings.stripe_rate, account=settings.stripe_account_rate
        ),
    )

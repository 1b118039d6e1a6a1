"""The frozen settings of one process, and the only reader of os.environ. No defaults hidden anywhere else."""

import os
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

PACKAGE = Path(__file__).parent
ONLY_BY_A_1 = frozenset({"stripe_live", "stripe_automatic_tax"})
"""Switches that no other word turns on: what they do cannot be taken back."""


class SettingsError(Exception):
    """An environment variable has a value that cannot be used; the message names it and says what to do."""


class Settings(BaseModel):
    """Everything that one process needs to know about where it runs.

    `database_url` and `dagster_database_url` are None until the embedded Postgres is running
    (`local.services` fills them in); `stripe_api_base` is None for Stripe itself. The rates are calls per second to one
    endpoint and to the whole account; None means what Stripe grants a key of its kind. With
    `stripe_automatic_tax` Stripe adds tax, by the customer's address. For `lookback_months`
    before the month that is closed late usage is still billed. Amounts below Stripe's minimum are carried forward, or
    waived. A total above `hold_above_multiple` times what the org's last three months came to, and a credit above
    `largest_credit_minor`, wait for a person; 0 switches either off. Alerts go to `alert_webhook_url` (Slack's format)
    and to `alert_email_to` (addresses, by commas) through `smtp_url`; `ui_url` is where operators find Dagster.
    A month is closed by itself `close_grace_days` after its end. With `automation` schedules and sensors are on until
    somebody switches them off; without it they are off until somebody switches them on.
    """

    model_config = ConfigDict(frozen=True)

    home: Path
    database_url: str | None = None
    dagster_database_url: str | None = None
    lake_url: str
    landing_url: str
    prices: Path
    sources: Path
    usage_engine: Literal["duckdb"] = "duckdb"
    stripe_api_key: SecretStr | None = None
    stripe_api_base: str | None = None
    stripe_live: bool = False
    stripe_webhook_secret: SecretStr | None = None
    stripe_rate: float | None = Field(default=None, gt=0)
    stripe_account_rate: float | None = Field(default=None, gt=0)
    stripe_automatic_tax: bool = False
    first_month: str = Field(default="2020-01", pattern=r"^\d{4}-(0[1-9]|1[0-2])$")
    shards: int = Field(default=16, ge=1, le=100)
    lookback_months: int = Field(default=3, ge=0, le=24)
    waive_small_amounts: bool = False
    hold_above_multiple: Decimal = Field(default=Decimal(20), ge=0)
    largest_credit_minor: int = Field(default=100_000, ge=0)
    close_grace_days: int = Field(default=2, ge=0, le=27)
    automation: bool = False
    alert_webhook_url: SecretStr | None = None
    alert_email_to: str | None = None
    alert_email_from: str = "flybill@localhost"
    smtp_url: SecretStr | None = None
    ui_url: str | None = None

    @field_validator("dagster_database_url")
    @classmethod
    def _name_the_driver(cls, url: str | None) -> str | None:
        # Dagster hands the address to SQLAlchemy as it is, and a bare one means a driver that Dagster fails with.
        return re.sub("^postgres(ql)?://", "postgresql+psycopg2://", url) if url else url

    @field_validator("alert_webhook_url")
    @classmethod
    def _require_http(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(("http://", "https://")):
            raise ValueError("must be an http:// or https:// address")
        return url

    @field_validator("smtp_url")
    @classmethod
    def _require_smtp(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(("smtp://", "smtps://")):
            raise ValueError("must be smtp://user:password@host:port, or smtps://…")
        return url

    @model_validator(mode="after")
    def _require_a_mail_server(self) -> "Settings":
        if self.alert_email_to and self.smtp_url is None:
            raise ValueError("FLYBILL_ALERT_EMAIL_TO is set, but FLYBILL_SMTP_URL is not: name the mail server")
        return self

    @property
    def uses_local_stripe(self) -> bool:
        """True when nobody named a Stripe: then the emulator of this machine stands in, never Stripe itself."""
        return self.stripe_api_key is None and self.stripe_api_base is None


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings that the environment describes. Raises SettingsError naming the variable that is wrong."""
    env = os.environ if environ is None else environ
    home = Path(env.get("FLYBILL_HOME") or ".flybill").expanduser().absolute()
    values: dict[str, object] = {
        "lake_url": str(home / "lake"),
        "landing_url": str(home / "landing"),
        "prices": PACKAGE / "prices",
        "sources": PACKAGE / "sources.toml",
    }
    values |= {field: env[name] for field in Settings.model_fields if env.get(name := _variable(field))}
    values |= {"home": home} | {field: env.get(_variable(field)) == "1" for field in ONLY_BY_A_1}
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        fault = error.errors(include_input=False)[0]
        name = f"{_variable(str(fault['loc'][0]))}: " if fault["loc"] else ""
        raise SettingsError(f"{name}{fault['msg'].removeprefix('Value error, ')}") from None


def as_environment(settings: Settings) -> dict[str, str]:
    """The environment in which a child process (Dagster's webserver, daemon, code server) sees these settings."""
    values = {
        _variable(name): value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in settings.model_dump(exclude={*ONLY_BY_A_1, "stripe_webhook_secret"}).items()
        if value is not None
    }
    return values | {_variable(name): "1" for name in sorted(ONLY_BY_A_1) if getattr(settings, name)}


def export_environment(settings: Settings) -> None:
    """Writes the settings back into this process's environment, where Dagster's own configuration looks for them."""
    os.environ.update(as_environment(settings))


def _variable(field: str) -> str:
    return field.upper() if field.startswith(("stripe_api", "stripe_webhook")) else f"FLYBILL_{field.upper()}"

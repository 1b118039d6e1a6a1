"""The frozen settings of one process, and the only reader of os.environ. No defaults hidden anywhere else.

Each field is a variable of the environment; what stands in its description is what its value must be.
"""

import os
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from flybill_pipeline.setting_values import (
    MOST_LOOKBACK,
    MOST_SHARDS,
    Addresses,
    Base,
    Catalog,
    Contact,
    EngineAddress,
    Http,
    Key,
    LongWord,
    OnlyOne,
    PathOf,
    Place,
    Postgres,
    Rate,
    SecretHttp,
    SigningSecrets,
    Smtp,
    Statement,
    Tree,
    Word,
)

PACKAGE = Path(__file__).parent
FOLLOWS_FROM_ANOTHER = "default_factory_not_called"
"""What pydantic says of a default that is made from a field that is wrong."""
POSTGRES = "postgresql://user:password@host/database, with %40 for an @ in the password"
OF_COMPOSE = ("FLYBILL_CONFIG", "FLYBILL_PASSWORD")
"""Variables of deploy/compose.yaml alone."""
OF_KUBERNETES = re.compile(r".*_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)?)")
"""What Kubernetes tells every pod of services, one of which may be called flybill-something."""


class SettingsError(Exception):
    """An environment variable has a value that cannot be used; the message names it and says what to do."""


class Settings(BaseModel):
    """Everything that one process needs to know about where it runs.

    `database_url` and `dagster_database_url` are None until the embedded Postgres is running (`local.services` fills
    them in); `stripe_api_base` is None for Stripe itself. The rates are calls per second to one endpoint and to the
    whole account; None means what Stripe grants a key of its kind. With `stripe_automatic_tax` Stripe adds tax, by the
    customer's address: on top of our amounts, or as a part of them (`stripe_tax_behavior`). With `stripe_numbers`
    "ours" an invoice has the same number there as here. `statement_url` is where organizations read their statements:
    the memo of an invoice at Stripe has the link. For `lookback_months` before the month that is closed late usage is
    still billed. Amounts below Stripe's minimum are carried forward, or waived. A total above `hold_above_multiple`
    times what the org's last three months came to, and a credit above `largest_credit_minor`, wait for a person; 0
    switches either off. Alerts go to `alert_webhook_url` (Slack's format) and to `alert_email_to` (addresses, by
    commas) through `smtp_url`; `ui_url` is where operators find Dagster, and `code_url` where its links to the code
    lead. With `customer_mail` customers are mailed when a budget is reached, from the same sender; without it that is
    left to the platform. The platform takes events at `events_url`, signed with `events_secret`. What is exported for
    FinOps tools lies in `exports`, and says `provider_name` for who provides and bills. Customers find their pages at
    `web_url`, and ask at `contact`; `link_secret` signs the links to them, None means a secret of the home's. A month
    is closed by itself `close_grace_days` after its end. With `automation` schedules and sensors are on until somebody
    switches them off; without it they are off until somebody switches them on. `lake_catalog` names the open tables of
    the lake: "own" is one in the billing database, "off" none at all. Days are summed by `usage_engine`, which is found
    at `usage_engine_url`; our own is in this process.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    home: PathOf = Field(Path(".flybill"), validate_default=True)
    database_url: Postgres | None = Field(None, description=POSTGRES)
    dagster_database_url: Postgres | None = Field(None, description=POSTGRES)
    lake_url: Place = Field(default_factory=lambda valid: str(valid["home"] / "lake"))
    lake_catalog: Catalog = Field(
        "own", description="own, off, an http:// or https:// address, or the name of a catalog of pyiceberg's"
    )
    landing_url: Place = Field(default_factory=lambda valid: str(valid["home"] / "landing"))
    exports: PathOf = Field(default_factory=lambda valid: valid["home"] / "exports")
    prices: PathOf = PACKAGE / "prices"
    sources: PathOf = PACKAGE / "sources.toml"
    usage_engine: Literal["duckdb", "clickhouse", "spark"] = Field("duckdb", description="duckdb, clickhouse or spark")
    usage_engine_url: EngineAddress | None = Field(
        None, description="clickhouse://user:password@host:8123, sc://host:15002, or a master of Spark's: local[4]"
    )
    stripe_api_key: Key | None = None
    stripe_api_base: Base | None = Field(None, description="http://host:port or https://host, with nothing after it")
    stripe_live: OnlyOne = Field(False, description="1 or 0")
    stripe_webhook_secret: Word | None = Field(
        None, description="the secret as Stripe shows it, without blanks or line breaks"
    )
    stripe_rate: Rate | None = Field(None, description="a number above 0 and up to 10000")
    stripe_account_rate: Rate | None = Field(None, description="a number above 0 and up to 10000")
    stripe_automatic_tax: OnlyOne = Field(False, description="1 or 0")
    stripe_tax_behavior: Literal["exclusive", "inclusive"] = Field("exclusive", description="exclusive or inclusive")
    stripe_numbers: Literal["ours", "stripe"] = Field("ours", description="ours or stripe")
    statement_url: Statement | None = Field(
        None, description="an http:// or https:// address with {org} in it, and {month} if it is wanted"
    )
    first_month: str = Field("2020-01", pattern=r"^\d{4}-(0[1-9]|1[0-2])$", description="a month such as 2026-01")
    shards: int = Field(16, ge=1, le=MOST_SHARDS, description=f"a whole number from 1 to {MOST_SHARDS}")
    lookback_months: int = Field(3, ge=0, le=MOST_LOOKBACK, description=f"a whole number from 0 to {MOST_LOOKBACK}")
    waive_small_amounts: bool = Field(False, description="1 or 0")
    hold_above_multiple: Decimal = Field(Decimal(20), ge=0, description="a number, 0 or more")
    largest_credit_minor: int = Field(100_000, ge=0, lt=2**63, description="a whole number of cents, 0 or more")
    close_grace_days: int = Field(2, ge=0, le=27, description="a whole number from 0 to 27")
    automation: bool = Field(False, description="1 or 0")
    alert_webhook_url: SecretHttp | None = Field(None, description="an http:// or https:// address")
    alert_email_to: Addresses | None = Field(None, description="addresses such as ops@example.com, separated by commas")
    alert_email_from: Addresses = Field("flybill@localhost", description="an address such as billing@example.com")
    smtp_url: Smtp | None = Field(None, description="smtp://user:password@host:port, or smtps://…")
    customer_mail: OnlyOne = Field(False, description="1 or 0")
    events_url: SecretHttp | None = Field(None, description="an http:// or https:// address")
    events_secret: SigningSecrets | None = Field(
        None, description="whsec_ and 24 to 64 bytes in base64; several with blanks between them"
    )
    ui_url: Http | None = Field(None, description="an http:// or https:// address")
    code_url: Tree | None = Field(None, description="a page such as https://github.com/you/flybill/tree/main")
    provider_name: str = Field(
        "flybill", min_length=1, max_length=200, pattern=r"^\S(.*\S)?$", description="a name of 1 to 200 characters"
    )
    web_url: Base = Field(
        "http://127.0.0.1:3080", description="http://host:port or https://host, with nothing after it"
    )
    contact: Contact | None = Field(
        None, description="an address such as billing@example.com, or an http:// or https:// address"
    )
    link_secret: LongWord | None = Field(None, description="32 or more letters, digits and signs, without blanks")

    @model_validator(mode="after")
    def _require_what_goes_together(self) -> "Settings":
        if self.alert_email_to and self.smtp_url is None:
            raise ValueError("FLYBILL_ALERT_EMAIL_TO is set, but FLYBILL_SMTP_URL is not: name the mail server")
        if self.customer_mail and self.smtp_url is None:
            raise ValueError("FLYBILL_CUSTOMER_MAIL is set, but FLYBILL_SMTP_URL is not: name the mail server")
        if (self.events_url is None) != (self.events_secret is None):
            raise ValueError("FLYBILL_EVENTS_URL and FLYBILL_EVENTS_SECRET go together: set both, or none of them")
        return self

    @model_validator(mode="after")
    def _require_an_engine_where_it_is(self) -> "Settings":
        url, engine = "FLYBILL_USAGE_ENGINE_URL", f"FLYBILL_USAGE_ENGINE is {self.usage_engine}"
        given = None if self.usage_engine_url is None else self.usage_engine_url.get_secret_value()
        is_clickhouse = given is not None and given.startswith("clickhouse:")
        if self.usage_engine == "duckdb" and given is not None:
            raise ValueError(f"{url} is set, but {engine}: name the engine that is there, or unset the address")
        if self.usage_engine == "clickhouse" and not is_clickhouse:
            raise ValueError(f"{engine}, but {url} names no ClickHouse: set it to clickhouse://user:password@host:8123")
        if self.usage_engine == "spark" and is_clickhouse:
            raise ValueError(
                f"{engine}, but {url} names a ClickHouse: set it to sc://host:15002, or a master of Spark's"
            )
        return self

    @property
    def uses_local_stripe(self) -> bool:
        """True when nobody named a Stripe: then the emulator of this machine stands in, never Stripe itself."""
        return self.stripe_api_key is None and self.stripe_api_base is None


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings that the environment describes. Raises SettingsError with everything that is wrong, by variable."""
    settings, faults = read_settings(environ)
    if faults:
        raise SettingsError("\n".join(faults.values()))
    return settings


def read_settings(environ: Mapping[str, str] | None = None, home: str | None = None) -> tuple[Settings, dict[str, str]]:
    """The settings, and what is wrong with variables that cannot be used: in their place defaults stand.

    `home` is another default of the home than that of `Settings`.
    """
    env = os.environ if environ is None else environ
    given = {field: text for field in Settings.model_fields if (text := env.get(variable(field)))}
    if home:
        given.setdefault("home", home)
    faults = dict(_unknown(env))
    while True:
        try:
            return Settings.model_validate(given), faults
        except ValidationError as error:
            found = [fault for fault in error.errors(include_input=False) if fault["type"] != FOLLOWS_FROM_ANOTHER]
        sentences = [_sentence(fault, given) for fault in found]
        faults |= {sentence.split()[0]: sentence for sentence in sentences}
        named = {name for sentence in sentences for name in re.findall(r"[A-Z_]{9,}", sentence)}
        given = {field: text for field, text in given.items() if variable(field) not in named}


def as_environment(settings: Settings) -> dict[str, str]:
    """The environment in which a child process (Dagster's webserver, daemon, code server) sees these settings."""
    values = settings.model_dump(exclude={"stripe_webhook_secret", "link_secret"})
    return {
        variable(field): _text(value) for field, value in values.items() if value is not None and value is not False
    }


def export_environment(settings: Settings) -> None:
    """Writes the settings back into this process's environment, where Dagster's own configuration looks for them."""
    os.environ.update(as_environment(settings))


def _unknown(env: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    known = [*map(variable, Settings.model_fields), *OF_COMPOSE]
    by_ending = {name.removeprefix("FLYBILL_"): name for name in known}
    for name in sorted(env):
        if name.startswith("FLYBILL_") and name not in known and not OF_KUBERNETES.fullmatch(name):
            nearest = [by_ending[ending] for ending in get_close_matches(name.removeprefix("FLYBILL_"), by_ending, n=1)]
            meant = f": do you mean {nearest[0]}?" if nearest else ""
            yield name, f"{ascii(name)[1:-1]} is no variable of flybill{meant}"


def _sentence(fault: Mapping[str, Any], given: Mapping[str, str]) -> str:
    """What pydantic found, in our words. Keys and addresses are not quoted, in whichever variable they stand."""
    own = fault["msg"].removeprefix("Value error, ")
    if not fault["loc"]:
        return str(own)
    field = str(fault["loc"][0])
    wanted = Settings.model_fields[field].description
    if wanted is None:
        return f"{variable(field)} {own}"
    quoted = "" if may_hold_a_secret(field) or looks_secret(given[field]) else f", not {given[field][:60]!a}"
    return f"{variable(field)} must be {wanted}{quoted}"


def _text(value: Any) -> str:
    if value is True:
        return "1"
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def address_of_engine(name: str) -> str | None:
    """The address that the variable `name` holds, which a source of the mapping names: it is none of ours."""
    return os.environ.get(name) or None


def may_hold_a_secret(field: str) -> bool:
    """Whether the value of a field is shown to nobody: keys, and addresses with passwords in them."""
    return field.endswith(("_url", "_base", "_key", "_secret", "_catalog"))


def looks_secret(value: str) -> bool:
    """Whether a value has what keys and addresses with a password have: it may stand in a variable by mistake."""
    return bool(re.search(r"://[^/]*@|(sk|rk)_(test|live)_|whsec_", value))


def variable(field: str) -> str:
    """The name of a field's variable."""
    named_by_stripe = field in ("stripe_api_key", "stripe_api_base", "stripe_webhook_secret")
    return field.upper() if named_by_stripe else f"FLYBILL_{field.upper()}"

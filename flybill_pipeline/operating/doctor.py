"""Examines a deployment: what is set, what answers. It works when nothing works, takes seconds, and sends nothing.

How single things are looked at: `probes.py`. The local Postgres is started where its home has one; no home is made.
"""

import platform
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from itertools import chain

from flybill_pipeline.local import services
from flybill_pipeline.local.home import HomeError
from flybill_pipeline.local.keeper import ServiceError
from flybill_pipeline.operating import probes
from flybill_pipeline.operating.findings import Examined, Finding, Variable, ok, warning, wrong
from flybill_pipeline.settings import Settings, SettingsError, may_hold_a_secret, variable
from flybill_pipeline.stores.files.folders import ObjectsError, in_bucket, is_there
from flybill_pipeline.stores.postgres.condition import Condition
from flybill_pipeline.stores.postgres.database import newest_revision
from flybill_pipeline.stores.usage.intake.sources import load_sources
from flybill_pipeline.stores.usage.lake.ownership import LakeError, noted
from flybill_pipeline.stores.usage.lake.storage import KEPT, looked_at
from flybill_pipeline.toolbox.reading import tables_of
from flybill_pipeline.toolbox.usage import summing_of
from flybill_pipeline.toolbox.wiring import require_readable_inputs, wrong_settings

ALWAYS_TOLD = ("home", "prices", "sources")
"""Where things lie is told also where nobody set it."""
MAIL_PORTS = {"smtp": 25, "smtps": 465}
WEB_PORTS = {"http": 80, "https": 443}


def examine(environ: Mapping[str, str] | None = None) -> Examined:
    """All that can be known of the deployment that the environment describes."""
    settings, faults = wrong_settings(environ)
    findings = [wrong(name, fault, "Nothing else was looked at: mend it first.") for name, fault in faults.items()]
    if not faults:
        try:
            require_readable_inputs(settings)
        except SettingsError as error:
            findings = [wrong("prices and sources", each, "Correct the file.") for each in str(error).split("\n")]
    return Examined(
        versions=_versions(),
        variables=[*_variables(settings)],
        findings=findings or _findings(settings),
        settings_wrong=bool(findings),
    )


def _versions() -> dict[str, str]:
    names = {"flybill": "flybill-pipeline", "Dagster": "dagster", "DuckDB": "duckdb", "stripe": "stripe"}
    installed = {name: version(distribution) for name, distribution in names.items()}
    return {**installed, "schema": newest_revision(), "Python": platform.python_version()}


def _variables(settings: Settings) -> Iterator[Variable]:
    for field in Settings.model_fields:
        given = field in settings.model_fields_set
        if given or field in ALWAYS_TOLD:
            value = None if may_hold_a_secret(field) else str(getattr(settings, field))
            yield Variable(variable(field), "environment" if given else "default", value)


def _findings(settings: Settings) -> list[Finding]:
    """Asked at the same time: whatever does not answer, takes as long as the slowest."""
    parts: list[Callable[[Settings], Iterator[Finding]]] = [_stores, _folders, _tables, _engine, _stripe, _alerts]
    with ThreadPoolExecutor(len(parts)) as at_once:
        return [*chain.from_iterable(at_once.map(lambda part: list(part(settings)), parts))]


def _stores(settings: Settings) -> Iterator[Finding]:
    if settings.database_url is not None:
        found, condition = probes.database(
            "database", "FLYBILL_DATABASE_URL", settings.database_url, where="FLYBILL_DATABASE_URL"
        )
        yield found
        yield from _lake_owner(settings, condition)
    elif not is_there(settings.home / "postgres"):
        yield ok("database", "The first command makes the embedded Postgres in the home.")
    else:
        yield from _embedded(settings)
    if settings.dagster_database_url is not None:
        name = "FLYBILL_DAGSTER_DATABASE_URL"
        yield probes.answers("Dagster's database", name, settings.dagster_database_url)


def _embedded(settings: Settings) -> Iterator[Finding]:
    try:
        with services(settings, stripe=False, dagster=False) as complete:
            found, condition = probes.database(
                "database", "FLYBILL_HOME", str(complete.database_url), where="embedded, in the home"
            )
            yield found
            yield from _lake_owner(settings, condition)
    except (HomeError, ServiceError) as error:
        yield wrong("database", str(error), "Mend what the log says, or name another home in FLYBILL_HOME.")


def _lake_owner(settings: Settings, condition: Condition | None) -> Iterator[Finding]:
    lake = looked_at(settings.lake_url, settings.home)
    try:
        owner = noted(lake)
        is_empty = owner is None and not lake.has_any(KEPT)
    except (LakeError, ObjectsError) as error:
        yield wrong("lake", str(error), "Mend what it names, or name another lake in FLYBILL_LAKE_URL.")
        return
    if owner and condition and condition.deployment and owner != condition.deployment:
        sentence = f"The lake {settings.lake_url} belongs to another deployment than the database."
        yield wrong("lake", sentence, "Name another folder in FLYBILL_LAKE_URL, or the database of the lake.")
    if is_empty and condition and condition.knows_usage:
        sentence = f"The lake {settings.lake_url} has none of the files that the database knows."
        yield wrong("lake", sentence, "Name the lake that has them in FLYBILL_LAKE_URL, or restore it from a backup.")


def _folders(settings: Settings) -> Iterator[Finding]:
    yield from probes.folder("home", "FLYBILL_HOME", str(settings.home))
    yield from _place("lake", "FLYBILL_LAKE_URL", settings.lake_url)
    yield from _place("landing zone", "FLYBILL_LANDING_URL", settings.landing_url)


def _place(about: str, variable: str, url: str) -> Iterator[Finding]:
    yield from [probes.bucket(about, variable, url)] if in_bucket(url) else probes.folder(about, variable, url)


def _tables(settings: Settings) -> Iterator[Finding]:
    for asked in tables_of(load_sources(settings.sources).values()):
        yield probes.table(f"source {asked.name}", asked)


def _engine(settings: Settings) -> Iterator[Finding]:
    other = summing_of(settings)
    if other is not None:
        yield probes.engine(other, probes.place(settings.lake_url))


def _stripe(settings: Settings) -> Iterator[Finding]:
    if settings.uses_local_stripe:
        yield ok("stripe", "No Stripe is named: the stand-in of this machine takes the invoices, and nobody is billed.")
    else:
        yield from probes.stripe(settings)


def _alerts(settings: Settings) -> Iterator[Finding]:
    if settings.alert_webhook_url is not None:
        yield probes.listens("alerts by webhook", settings.alert_webhook_url.get_secret_value(), WEB_PORTS)
    if settings.smtp_url is not None:
        yield probes.listens("mail", settings.smtp_url.get_secret_value(), MAIL_PORTS)
    if settings.alert_webhook_url is None and settings.alert_email_to is None:
        sentence = "Nobody is told when something goes wrong: no channel is set."
        remedy = "Set FLYBILL_ALERT_WEBHOOK_URL, or FLYBILL_ALERT_EMAIL_TO and FLYBILL_SMTP_URL."
        yield warning("alerts", sentence, remedy)

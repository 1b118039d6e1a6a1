"""A month full of failures, and then every place that was written to: no key, no card, no address, no e-mail in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from flybill_pipeline_tests.stories.troubled_months import FIRST, USD
from flybill_pipeline_tests.stripe_emulator.helpers import Shop
from flybill_pipeline_tests.worlds.deployment import Deployments, Flybill, event
from flybill_pipeline_tests.worlds.emulator import EmulatorProcess, Emulators

KEY = "sk_test_PLANTEDKEY0123456789"
SECRETS = ("PLANTEDKEY", "planted-mail", "Planted Street", "planted-phone", "pm_card_planted")
OUR_LIST = {"organizations": {"email"}}
"""Where an address may be: the operator's own list of organizations."""
STATUS = ("status", FIRST, "--json")
KINDS = ("http_500_after", "lock_timeout_cached", "reset_after", "cut_body", "html_502", "rate_limited")


@pytest.fixture(scope="module")
def emulator(emulators: Emulators) -> Iterator[EmulatorProcess]:
    with emulators.lent() as process:
        yield process


@pytest.fixture(scope="module")
def flybill(deploy: Deployments, emulator: EmulatorProcess) -> Iterator[Flybill]:
    """A closed month in which every kind of refusal was met, some of which quote what they refuse."""
    shop = Shop(emulator.url)
    gone = shop.customer(name="Gone", email="planted-mail@example.com")
    shop.delete(f"customers/{gone}")
    abroad = shop.customer(
        name="Abroad",
        email="planted-mail@example.com",
        phone="planted-phone",
        address={"line1": "1 Planted Street", "country": "DE"},
        invoice_settings={"default_payment_method": "pm_card_planted"},
    )
    shop.draft(customer=abroad, currency="eur")
    fine = shop.payer("pm_card_planted", email="planted-mail@example.com", address={"line1": "2 Planted Street"})
    customers = {"gone": gone, "abroad": abroad, "fine": fine, "new": "", "refused": ""}
    with deploy(emulator) as made:
        made.environment["STRIPE_API_KEY"] = KEY
        made.prices("usd.toml", USD)
        orgs = [
            {"org_id": org, "name": org, "currency": "usd", "email": f"planted-mail+{org}@example.com"}
            | {"stripe_customer_id": customer}
            for org, customer in customers.items()
        ]
        made.import_orgs(orgs)
        with create_engine(made.environment["FLYBILL_DATABASE_URL"]).begin() as connection:
            connection.execute(text("update flybill.organizations set email = 'planted-mail' where org_id = 'refused'"))
        made.land("u.jsonl", [event(n, org, 500 + n, f"{FIRST}-05T00:00:00Z") for n, org in enumerate(customers)])
        emulator.faults(
            [{"match": {"endpoint": "create", "nth": n + 1}, "fault": kind} for n, kind in enumerate(KINDS)]
            + [{"match": {"endpoint": "finalize", "nth": 1}, "fault": "http_500_after"}]
        )
        yield made


def test_no_secret_is_written_anywhere(flybill: Flybill, emulator: EmulatorProcess) -> None:
    said = [flybill.copy("close", FIRST, FLYBILL_LAKE_CATALOG="own").ended()[1]]
    emulator.faults([{"match": {}, "fault": "unauthorized"}])
    said += [flybill.copy(*command).ended()[1] for command in (("repair", FIRST, "--org", "gone"), STATUS)]
    assert all(FIRST in each for each in said), said
    written = {str(path): read(path) for path in flybill.home.rglob("*") if is_written_by_us(path)}
    assert set(said) <= set(written.values())
    for name in ("FLYBILL_DATABASE_URL", "FLYBILL_DAGSTER_DATABASE_URL"):
        written |= tables(flybill.environment[name])
    found = {place: [secret for secret in SECRETS if secret in content] for place, content in written.items()}
    assert {place: secrets for place, secrets in found.items() if secrets} == {}
    codes = {code for (code,) in flybill.sql("select error_code from flybill.stripe_sync where error_code is not null")}
    assert {"bad_key", "email_invalid"} <= codes
    assert any("event_logs" in place and content for place, content in written.items())


def is_written_by_us(path: Path) -> bool:
    """All files but the list of organizations that the operator wrote."""
    return path.is_file() and not path.match("orgs-*.csv")


def read(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace")


def tables(url: str) -> dict[str, str]:
    """Every table of every schema of ours, as text, without the columns of OUR_LIST."""
    query = text(
        "select table_schema, table_name from information_schema.tables"
        " where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')"
    )
    engine = create_engine(url)
    found = {}
    with engine.connect() as connection:
        for schema, table in connection.execute(query).all():
            dropped = "".join(f" - '{column}'" for column in OUR_LIST.get(table, ()))
            rows = connection.execute(text(f'select (to_jsonb(t){dropped})::text from "{schema}"."{table}" t'))
            found[f"{url.rsplit('/', 1)[-1]}.{table}"] = "\n".join(row[0] for row in rows)
    engine.dispose()
    return found

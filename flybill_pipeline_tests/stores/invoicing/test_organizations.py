"""Organizations at rest: what an import changes, what it leaves, and where each organization belongs for good."""

from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from flybill_pipeline.billing.invoicing.shards import shard_of
from flybill_pipeline.stores.invoicing.org_terms import ImportRefusedError
from flybill_pipeline.stores.invoicing.organizations import Organization, Organizations
from flybill_pipeline.stores.invoicing.organizations_file import DATED, READERS, REQUIRED, read_organizations
from flybill_pipeline.stores.invoicing.tables import organizations
from flybill_pipeline_tests.worlds.organizations import org_row

SHARDS = 16
NOW = datetime(2026, 11, 29, tzinfo=UTC)
ACME: dict[str, Any] = {
    "name": "Acme",
    "email": "a@acme.example",
    "stripe_customer_id": "cus_1",
    "collection_method": "send_invoice",
    "days_until_due": 30,
}


@pytest.fixture
def store(engine: Engine) -> Organizations:
    return Organizations(engine, SHARDS)


def test_what_a_file_says_is_what_is_stored(store: Organizations, tmp_path: Path) -> None:
    file = tmp_path / "orgs.csv"
    file.write_text(
        "\ufefforg_id,name,currency,email,stripe_customer_id,collection_method,days_until_due\n"
        'acme," Acme, Inc. ",USD,a@acme.example,cus_1,send_invoice,30\n'
        "bolt,Bolt,eur,,,,\n",
        encoding="utf-8",
    )
    assert store.save(read_organizations(file), NOW) == (2, 0)
    acme, bolt = store.all()
    assert acme == Organization("acme", "Acme, Inc.", "usd", "a@acme.example", "cus_1", "send_invoice", 30)
    assert bolt == Organization("bolt", "Bolt", "eur", collection_method="charge_automatically")


def test_every_column_of_an_organization_is_in_the_table_and_in_a_file() -> None:
    columns = {each.name for each in fields(Organization)}
    assert columns == {column.name for column in organizations.columns} - {"shard", "recorded_at"}
    assert columns == {name for name in READERS if name not in DATED} | {"currency"}


def example(name: str) -> str:
    """Something that a file may say in a column."""
    known = {"currency": "eur", "collection_method": "charge_automatically", "address_country": "DE"}
    known |= {"tax_id": "DE123456789", "purchase_order": "PO 4711", "language": "de"}
    return known.get(name, f"some {name}" if READERS[name] is str else "7")


@pytest.mark.parametrize("column", [each.name for each in fields(Organization) if each.name not in REQUIRED])
def test_each_column_of_a_file_gets_into_the_store_and_back(column: str, store: Organizations, tmp_path: Path) -> None:
    file = tmp_path / "orgs.csv"
    header = (*REQUIRED, column)
    file.write_text(f"{','.join(header)}\n{','.join(map(example, header))}\n")
    store.save(read_organizations(file), NOW)
    (org,) = store.all()
    assert {name: str(getattr(org, name)) for name in header} == {name: example(name) for name in header}


def test_an_empty_field_leaves_what_is_there(store: Organizations) -> None:
    store.save([org_row("acme", **ACME)], NOW)
    assert store.save([org_row("acme", name="Acme GmbH")], NOW) == (0, 1)
    assert store.all() == [Organization("acme", "Acme GmbH", "usd", "a@acme.example", "cus_1", "send_invoice", 30)]


def test_a_dash_takes_away_what_is_there(store: Organizations, tmp_path: Path) -> None:
    store.save([org_row("acme", **ACME)], NOW)
    file = tmp_path / "orgs.csv"
    file.write_text(
        "org_id,name,currency,email,stripe_customer_id,collection_method,days_until_due\nacme,Acme,usd,-,-,-,-\n"
    )
    assert store.save(read_organizations(file), NOW) == (0, 1)
    assert store.all() == [Organization("acme", "Acme", "usd")]


def test_the_same_again_is_no_change(store: Organizations) -> None:
    orgs = [org_row("acme"), org_row("bolt")]
    assert store.save(orgs, NOW) == (2, 0)
    assert store.save(orgs, NOW) == (0, 0)


def test_two_organizations_may_exchange_nothing_but_their_own_customers(store: Organizations) -> None:
    store.save([org_row("acme", stripe_customer_id="cus_1")], NOW)
    with pytest.raises(ImportRefusedError, match="cus_1 belongs to acme"):
        store.save([org_row("bolt", stripe_customer_id="cus_1")], NOW)
    assert [org.org_id for org in store.all()] == ["acme"]


def test_a_customer_may_move_when_its_owner_gets_another_in_the_same_file(store: Organizations) -> None:
    store.save([org_row("acme", stripe_customer_id="cus_1")], NOW)
    moved = [org_row("acme", stripe_customer_id="cus_2"), org_row("bolt", stripe_customer_id="cus_1")]
    assert store.save(moved, NOW) == (1, 1)
    assert [org.stripe_customer_id for org in store.all()] == ["cus_2", "cus_1"]


def test_the_shard_is_stored_and_an_import_never_moves_it(store: Organizations, engine: Engine) -> None:
    names = [f"org-{n}" for n in range(200)]
    store.save([org_row(name) for name in names], NOW)
    with engine.connect() as connection:
        stored: dict[str, int] = dict(connection.execute(text("select org_id, shard from flybill.organizations")).all())
    assert stored == {name: shard_of(name, SHARDS) for name in names}
    assert set(stored.values()) == set(range(SHARDS))
    Organizations(engine, shards=3).save([org_row(name, name=name.upper()) for name in names], NOW)
    with engine.connect() as connection:
        after: dict[str, int] = dict(connection.execute(text("select org_id, shard from flybill.organizations")).all())
    assert after == stored


def test_all_may_be_asked_for_a_shard_or_for_some(store: Organizations) -> None:
    names = sorted(f"org-{n}" for n in range(50))
    store.save([org_row(name) for name in names], NOW)
    assert [org.org_id for org in store.all()] == names
    assert [org.org_id for org in store.all(3)] == [name for name in names if shard_of(name, SHARDS) == 3]
    assert [org.org_id for org in store.all(org_ids=["org-7", "nobody"])] == ["org-7"]

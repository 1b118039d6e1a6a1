"""Organizations at rest: what an import changes, what it leaves, and where each organization belongs for good."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from flybill_pipeline.billing.invoicing.shards import shard_of
from flybill_pipeline.stores.invoicing.organizations import (
    ImportRefusedError,
    Organization,
    Organizations,
    read_organizations,
)

SHARDS = 16


@pytest.fixture
def store(engine: Engine) -> Organizations:
    return Organizations(engine, SHARDS)


def test_what_a_file_says_is_what_is_stored(store: Organizations, tmp_path: Path) -> None:
    file = tmp_path / "orgs.csv"
    file.write_text(
        "\ufefforg_id,name,currency,email,stripe_customer_id,collection_method,days_until_due,contract\n"
        'acme," Acme, Inc. ",USD,a@acme.example,cus_1,send_invoice,30,gold\n'
        "bolt,Bolt,eur,,,,,\n",
        encoding="utf-8",
    )
    assert store.save(read_organizations(file, contracts={"gold"})) == (2, 0)
    acme, bolt = store.all()
    assert acme == Organization("acme", "Acme, Inc.", "usd", "a@acme.example", "cus_1", "send_invoice", 30, "gold")
    assert bolt == Organization("bolt", "Bolt", "eur", collection_method="charge_automatically")


def test_an_empty_field_leaves_what_is_there(store: Organizations) -> None:
    store.save([Organization("acme", "Acme", "usd", "a@acme.example", "cus_1", "send_invoice", 30, "gold")])
    assert store.save([Organization("acme", "Acme GmbH", "usd")]) == (0, 1)
    assert store.all() == [
        Organization("acme", "Acme GmbH", "usd", "a@acme.example", "cus_1", "send_invoice", 30, "gold")
    ]


def test_the_same_again_is_no_change(store: Organizations) -> None:
    orgs = [Organization("acme", "Acme", "usd"), Organization("bolt", "Bolt", "usd")]
    assert store.save(orgs) == (2, 0)
    assert store.save(orgs) == (0, 0)


def test_two_organizations_may_exchange_nothing_but_their_own_customers(store: Organizations) -> None:
    store.save([Organization("acme", "Acme", "usd", stripe_customer_id="cus_1")])
    with pytest.raises(ImportRefusedError, match="cus_1 belongs to acme"):
        store.save([Organization("bolt", "Bolt", "usd", stripe_customer_id="cus_1")])
    assert [org.org_id for org in store.all()] == ["acme"]


def test_a_customer_may_move_when_its_owner_gets_another_in_the_same_file(store: Organizations) -> None:
    store.save([Organization("acme", "Acme", "usd", stripe_customer_id="cus_1")])
    moved = [
        Organization("acme", "Acme", "usd", stripe_customer_id="cus_2"),
        Organization("bolt", "Bolt", "usd", stripe_customer_id="cus_1"),
    ]
    assert store.save(moved) == (1, 1)
    assert [org.stripe_customer_id for org in store.all()] == ["cus_2", "cus_1"]


def test_the_shard_is_stored_and_an_import_never_moves_it(store: Organizations, engine: Engine) -> None:
    names = [f"org-{n}" for n in range(200)]
    store.save([Organization(name, name, "usd") for name in names])
    with engine.connect() as connection:
        stored: dict[str, int] = dict(connection.execute(text("select org_id, shard from flybill.organizations")).all())
    assert stored == {name: shard_of(name, SHARDS) for name in names}
    assert set(stored.values()) == set(range(SHARDS))
    Organizations(engine, shards=3).save([Organization(name, name.upper(), "usd") for name in names])
    with engine.connect() as connection:
        after: dict[str, int] = dict(connection.execute(text("select org_id, shard from flybill.organizations")).all())
    assert after == stored


def test_all_may_be_asked_for_a_shard_or_for_some(store: Organizations) -> None:
    names = sorted(f"org-{n}" for n in range(50))
    store.save([Organization(name, name, "usd") for name in names])
    assert [org.org_id for org in store.all()] == names
    assert [org.org_id for org in store.all(3)] == [name for name in names if shard_of(name, SHARDS) == 3]
    assert [org.org_id for org in store.all(org_ids=["org-7", "nobody"])] == ["org-7"]

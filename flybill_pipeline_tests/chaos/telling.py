"""Organizations whose customers must be told something before they are billed, and what they were told. No crashes."""

from sqlalchemy import select

from flybill_pipeline.stores.invoicing.tables import organizations
from flybill_pipeline_tests.chaos.months import plant
from flybill_pipeline_tests.chaos.people import People
from flybill_pipeline_tests.chaos.world import World

TAX_ID = "DE123456789"


def plant_untold(world: World, number: int) -> None:
    """An org with an invoice, linked to a customer that lacks its address and its tax id."""
    plant(world.engine, 1, lines=1, first=number)
    org_id, people = f"org{number:05d}", People(world.engine, world.stripe())
    people.link(org_id)
    people.change(org_id, tax_id=TAX_ID)


def untold(world: World) -> list[str]:
    """The customers that do not have, just once, what their orgs have."""
    query = select(organizations.c.stripe_customer_id, organizations.c.email)
    with world.engine.connect() as connection:
        orgs = connection.execute(query).all()
    people = People(world.engine, world.stripe())
    return [
        f"{customer} does not have {email} and {TAX_ID} once"
        for customer, email in orgs
        if people.customer(customer)["email"] != email or people.tax_ids(customer) != [TAX_ID]
    ]

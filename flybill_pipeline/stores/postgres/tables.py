"""What all tables share as SQLAlchemy sees them: the schema, its conventions, the facts fixed at creation. No queries.

Amounts are integers of the currency's minor unit, quantities `numeric(38,18)`; times are UTC. The schema itself is made
by the migrations; what may change and what may not is enforced by their triggers, not by good manners.
"""

from sqlalchemy import Column, DateTime, MetaData, Numeric, Table, Text, func

metadata = MetaData(schema="flybill")

QUANTITY = Numeric(38, 18)


def recorded_at() -> Column[object]:
    return Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now())


facts = Table(  # what holds for all of the database, above all the number of shards
    "facts",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

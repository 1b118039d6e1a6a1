"""The catalog of the lake's open tables, in a schema of its own: the tables are those that pyiceberg makes itself."""

from alembic import op

revision = "0043"
down_revision = "0042"

TABLES = """
create schema flybill_lake;

create table flybill_lake.iceberg_tables (
  catalog_name varchar(255) not null,
  table_namespace varchar(255) not null,
  table_name varchar(255) not null,
  metadata_location varchar(1000),
  previous_metadata_location varchar(1000),
  iceberg_type varchar(5),
  primary key (catalog_name, table_namespace, table_name)
);

create table flybill_lake.iceberg_namespace_properties (
  catalog_name varchar(255) not null,
  namespace varchar(255) not null,
  property_key varchar(255) not null,
  property_value varchar(1000) not null,
  primary key (catalog_name, namespace, property_key)
);
"""


def upgrade() -> None:
    """Creates both tables: who bills may not. What is in the lake is published by the next close, or within an hour."""
    op.execute(TABLES)

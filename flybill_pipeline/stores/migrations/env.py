"""Alembic's entry: runs the versions on the connection that `stores.postgres.database.migrate` hands over."""

from alembic import context

connection = context.config.attributes["connection"]
connection.exec_driver_sql("create schema if not exists flybill")
context.configure(connection=connection, version_table_schema="flybill")
with context.begin_transaction():
    context.run_migrations()

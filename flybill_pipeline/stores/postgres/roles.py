"""What the pipeline's role and the readers' may do in the schema, which belongs to a third. No queries about billing.

`flybill_pipeline` writes rows and nothing else: no insert-only row can be changed by it, no trigger switched off, no
table dropped. `flybill_reader` reads. Neither can log in: people and programs are given logins in them.
"""

from sqlalchemy import Connection, Engine, text

PIPELINE, READER = "flybill_pipeline", "flybill_reader"
REPLACED = frozenset(
    {
        "line_items",
        "drafts",
        "pricing_bases",
        "too_late_usage",
        "usage_pieces",
        "usage_exclusions",
        "restated_pieces",
        "events",
        "closed_shards",
    }
)
"""The tables whose rows are worked out again, or were told long ago, and so may be deleted."""
OPEN_LAKE = "flybill_lake"
"""The schema of the catalog of the lake's open tables: it holds no money, and pyiceberg writes it."""
READ = frozenset({"facts", "alembic_version", "restores"})
"""The tables that only the owner of the schema writes."""

TABLES = """
    select c.relname as name, exists (
        select from pg_trigger t where t.tgrelid = c.oid and t.tgname = 'insert_only'
    ) as insert_only
    from pg_class c where c.relnamespace = 'flybill'::regnamespace and c.relkind in ('r', 'p')
"""
MAKE_ROLE = """
do $$ begin
    create role {role} nologin;
exception when duplicate_object or unique_violation then null;
end $$
"""


def grant_roles(engine: Engine) -> dict[str, str]:
    """Creates both roles where they are missing and gives them their rights; returns table → the pipeline's.

    To be run again after each migration, by the owner of the schema, who needs the right to create roles once.
    """
    with engine.begin() as connection:
        for role in (PIPELINE, READER):
            connection.execute(text(MAKE_ROLE.format(role=role)))
            connection.execute(text(f"revoke all on all tables in schema flybill from {role}"))
            connection.execute(text(f"grant usage on schema flybill to {role}"))
            connection.execute(text(f"grant select on all tables in schema flybill to {role}"))
            connection.execute(text(f"grant select on all sequences in schema flybill to {role}"))  # for pg_dump
            connection.execute(text(f"grant usage on schema {OPEN_LAKE} to {role}"))
            connection.execute(text(f"grant select on all tables in schema {OPEN_LAKE} to {role}"))
        writes = f"grant insert, update, delete on all tables in schema {OPEN_LAKE} to {PIPELINE}"
        connection.execute(text(writes))
        connection.execute(text(f"grant execute on function flybill.note_another_server to {PIPELINE}"))
        return {table: _let_pipeline_write(connection, table, only) for table, only in connection.execute(text(TABLES))}


def _let_pipeline_write(connection: Connection, table: str, insert_only: bool) -> str:
    if table in READ:
        return "select"
    rights = "insert" if insert_only else "insert, update"
    if table in REPLACED:
        rights += ", delete"
    connection.execute(text(f"grant {rights} on flybill.{table} to {PIPELINE}"))
    return f"select, {rights}"

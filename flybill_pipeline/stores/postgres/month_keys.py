"""Brings Dagster's history over to keys such as `2026-10` and `2026-10|07`: months were named by their first day once.

Nothing else is changed in what Dagster recorded, and no other table is touched. Days have keys of the old form still.
"""

# ruff: noqa: S608 - only our own names are put together; nothing comes from outside

from sqlalchemy import Connection

from flybill_pipeline.stores.postgres.database import open_engine

KEPT_AS = "flybill/months_are_named"
MONTH_ASSETS = ("stripe_reconciliation", "verified_invoices", "billed_month", "focus_exports")
"""What had one partition a month when months got their names."""
NAMES = "|".join(MONTH_ASSETS)
SHARD = r"""'("[a-z:-]*[0-9]{4}-[0-9]{2})-01(\|[0-9]{2}[":-])', '\1\2', 'g'"""
DIMENSION = r"""'("dagster/partition/month": "[0-9]{4}-[0-9]{2})-01"', '\1"', 'g'"""
MONTH = r"""'("(?:dagster/)?partition": "[0-9]{4}-[0-9]{2})-01"', '\1"', 'g'"""
WINDOWS = r"""'("cron_schedule": "0 0 1 \* \*"[^{}]*"fmt": "%Y-%m)-%d"', '\1"', 'g'"""
PLAIN = r"""'^([a-z:-]*[0-9]{4}-[0-9]{2})-01(\|[0-9]{2}([:-].*)?)?$', '\1\2'"""
OLD = r"'[0-9]{4}-[0-9]{2}-01(\|[0-9]{2})?[\":-]'"


def name_months(address: str) -> None:
    """Renames the months in Dagster's database, once; where Dagster has no tables yet there is nothing to rename."""
    engine = open_engine(address)
    with engine.begin() as connection:
        if not _is_done(connection):
            connection.exec_driver_sql("select pg_advisory_xact_lock(hashtext('flybill names months'))")
            for statement in () if _is_done(connection) else STATEMENTS:  # another process may have been first
                connection.exec_driver_sql(statement.replace("%", "%%"))  # it is the driver's mark of a parameter
    engine.dispose()


def _is_done(connection: Connection) -> bool:
    if connection.exec_driver_sql("select to_regclass('kvs')").scalar_one() is None:
        return True
    return connection.exec_driver_sql(f"select 1 from kvs where key = '{KEPT_AS}'").first() is not None


def _named(column: str) -> str:
    """What Dagster wrote as JSON, with the new keys; a key that is a month alone is only sought where it is one."""
    renamed = f"regexp_replace(regexp_replace({column}, {SHARD}), {DIMENSION})"
    of_month = f"""{column} ~ '"({NAMES})"'"""
    return f"case when {of_month} then regexp_replace({renamed}, {MONTH}) else {renamed} end"


STATEMENTS = (
    f"update event_logs set event = {_named('event')} where dagster_event_type like 'ASSET%' and event ~ {OLD}",
    f"""update event_logs set partition = regexp_replace(partition, {PLAIN})
        where partition like '%|%' or asset_key ~ '"({NAMES})"'""",
    f"""update asset_check_executions set evaluation_event = {_named("evaluation_event")},
        partition = case when partition like '%|%' or asset_key ~ '"({NAMES})"'
            then regexp_replace(partition, {PLAIN}) else partition end""",
    f"update asset_keys set cached_status_data = null, last_materialization = {_named('last_materialization')}",
    f"""update asset_event_tags set value = regexp_replace(value, {PLAIN}) where key = 'dagster/partition/month'""",
    f"""update run_tags set value = regexp_replace(value, {PLAIN})
        where key in ('dagster/partition/month', 'dagster/partition', 'dagster/run_key') and (value like '%|%'
            or key = 'dagster/partition/month'
            or run_id in (select run_id from runs where run_body ~ '"({NAMES})"'))""",
    f"""update runs set run_body = {_named("run_body")},
        partition = case when partition like '%|%' or run_body ~ '"({NAMES})"'
            then regexp_replace(partition, {PLAIN}) else partition end
        where run_body ~ {OLD}""",
    f"update bulk_actions set body = regexp_replace(regexp_replace(body, {SHARD}), {WINDOWS})",
    f"insert into kvs (key, value) values ('{KEPT_AS}', 'yes')",
)

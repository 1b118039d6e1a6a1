"""Facts at rest: all SQL on Postgres and all DuckDB on Parquet. The rooms are those of `billing`, above two engines.

Not here: decisions about money, Dagster, Stripe. Start with `postgres/tables.py`.
"""

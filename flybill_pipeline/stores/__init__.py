"""Facts at rest: all SQL on Postgres and all DuckDB on Parquet. No decision about money, no Dagster, no Stripe."""

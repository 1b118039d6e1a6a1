#!/bin/bash
# Run once by the Postgres image, when its volume is new. `flybill migrate --roles` gives flybill_pipeline its rights.
set -euo pipefail
psql -v ON_ERROR_STOP=1 -U postgres \
    -v flybill_password="$FLYBILL_PASSWORD" -v dagster_password="$DAGSTER_PASSWORD" <<'SQL'
create role flybill_pipeline nologin;
create role flybill login password :'flybill_password' in role flybill_pipeline;
create role dagster login password :'dagster_password';
create database flybill;
create database dagster owner dagster;
SQL

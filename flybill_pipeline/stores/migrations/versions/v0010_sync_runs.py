"""The breaker that stops all calls to Stripe, and the heartbeat of the runs that make them."""

from alembic import op

revision = "0010"
down_revision = "0009"

TABLES = """
create table flybill.stripe_breaker (
    breaker_id bigint generated always as identity primary key,
    cause text not null check (cause in ('outage', 'refused')),
    code text not null, message text not null, remedy text not null, request_id text,
    key_mark text not null, opened_at timestamptz not null, next_probe_at timestamptz not null,
    probes integer not null default 0, is_open boolean not null default true, closed_at timestamptz,
    check (is_open = (closed_at is null))
);
create unique index stripe_breaker_open on flybill.stripe_breaker (is_open) where is_open;

create table flybill.stripe_sync_runs (
    run_id text primary key, month text not null, shard smallint,
    started_at timestamptz not null, beat_at timestamptz not null, ended_at timestamptz,
    calls integer not null, rate_limited integer not null, calls_per_minute integer not null,
    endpoint_per_minute integer not null, account_per_minute integer not null
);
create index stripe_sync_runs_month on flybill.stripe_sync_runs (month, beat_at);
"""


def upgrade() -> None:
    """Creates both tables."""
    op.execute(TABLES)

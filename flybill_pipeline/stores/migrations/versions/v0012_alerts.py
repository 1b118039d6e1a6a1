"""Problems that a person should know of, and the outbox of messages about them."""

from alembic import op

revision = "0012"
down_revision = "0010"

TABLES = """
create table flybill.problems (
    problem_id bigint generated always as identity primary key,
    key text not null, content jsonb not null,
    opened_at timestamptz not null, resolved_at timestamptz,
    told text check (told in ('opened', 'resolved')), told_at timestamptz
);
create unique index problems_open on flybill.problems (key) where resolved_at is null;

create table flybill.alert_outbox (
    alert_id bigint generated always as identity primary key,
    channel text not null, subject text not null, body text not null,
    created_at timestamptz not null, sent_at timestamptz,
    attempts integer not null default 0, next_attempt_at timestamptz not null, error text
);
create index alert_outbox_unsent on flybill.alert_outbox (next_attempt_at) where sent_at is null;
"""


def upgrade() -> None:
    """Creates the tables."""
    op.execute(TABLES)

"""Who may look at the pages of an organization, until when, and what was taken back."""

from alembic import op

revision = "0033"
down_revision = "0032"

PAGE_LINKS = """
create table flybill.page_links (
    link_id text primary key,
    org_id text not null references flybill.organizations,
    made_at timestamptz not null,
    expires_at timestamptz not null,
    revoked_at timestamptz
);
create index page_links_org on flybill.page_links (org_id);
"""


def upgrade() -> None:
    """Creates the table."""
    op.execute(PAGE_LINKS)

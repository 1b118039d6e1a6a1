"""Links to the pages of an organization: made, asked for, taken back. How a link is signed and shown: `web`."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, insert, select, update

from flybill_pipeline.stores.payments.tables import page_links


@dataclass(frozen=True, slots=True)
class PageLink:
    """A link that holds: whose pages it shows, and until when."""

    org_id: str
    expires_at: datetime


class PageLinks:
    """Every link that was made. One that ended is kept, so that it can be said when it did."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def make(self, org_id: str, now: datetime, expires_at: datetime) -> str:
        """A new link to the pages of an organization; returns its id, which nobody can guess."""
        link_id = secrets.token_urlsafe(16)
        row = {"link_id": link_id, "org_id": org_id, "made_at": now, "expires_at": expires_at}
        with self._engine.begin() as connection:
            connection.execute(insert(page_links).values(row))
        return link_id

    def find(self, link_id: str, now: datetime) -> PageLink | None:
        """The link with that id; None when there is no such link, or it has ended."""
        link = page_links.c
        holds = (link.link_id == link_id) & (link.expires_at > now) & link.revoked_at.is_(None)
        with self._engine.connect() as connection:
            row = connection.execute(select(link.org_id, link.expires_at).where(holds)).one_or_none()
        return None if row is None else PageLink(*row)

    def revoke(self, org_id: str, now: datetime) -> int:
        """Ends all links to the pages of an organization; returns how many had not ended yet."""
        link = page_links.c
        ended = update(page_links).where(link.org_id == org_id, link.expires_at > now, link.revoked_at.is_(None))
        with self._engine.begin() as connection:
            return connection.execute(ended.values(revoked_at=now)).rowcount

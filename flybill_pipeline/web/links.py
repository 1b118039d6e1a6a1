"""Signed links: who holds one may look at the pages of one organization, until it expires or is taken back.

The signature is made with a secret that is in no database, so that nobody who can read the tables can make a link. How
long links last, and which were taken back, the tables say.
"""

import os
import secrets
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

from itsdangerous import BadData, Signer, URLSafeSerializer

from flybill_pipeline.setting_values import SHORTEST_SECRET
from flybill_pipeline.settings import SettingsError
from flybill_pipeline.stores.payments.page_links import PageLink, PageLinks

SALT, FORM_SALT = "flybill page link", "flybill form of a page"
KEPT_IN = "link.secret"
LONGEST_TOKEN = 200
"""In characters: what is longer was never made here."""


class Links:
    """Makes tokens for organizations, and tells whose a token is."""

    def __init__(self, kept: PageLinks, secret: str) -> None:
        self._kept = kept
        self._signer = URLSafeSerializer(secret, salt=SALT)
        self._forms = Signer(secret, salt=FORM_SALT)

    def make(self, org_id: str, days: int, now: datetime) -> str:
        """A token for the pages of an organization that holds for so many days."""
        return str(self._signer.dumps(self._kept.make(org_id, now, now + timedelta(days=days))))

    def find(self, token: str, now: datetime) -> PageLink | None:
        """The link that the token is of; None when it is forged, has expired or was taken back."""
        if len(token) > LONGEST_TOKEN:
            return None
        try:
            link_id = self._signer.loads(token)
        except BadData:
            return None
        return self._kept.find(link_id, now) if isinstance(link_id, str) else None

    def form_key(self, token: str) -> str:
        """What a form must send beside the cookie: another site's page cannot know it, as it cannot read ours."""
        return str(self._forms.get_signature(token).decode())

    def revoke(self, org_id: str, now: datetime) -> int:
        """Ends all links of an organization; returns how many still held."""
        return self._kept.revoke(org_id, now)


def home_secret(home: Path) -> str:
    """The secret of this machine's home; made when it is first asked for, and ours alone to read.

    Raises SettingsError when what is kept is no secret.
    """
    path = home / KEPT_IN
    if not path.exists():
        _make_secret(path)
    secret = path.read_text().strip()
    if len(secret) < SHORTEST_SECRET:
        raise SettingsError(f"{path} is no secret to sign links with: remove it, and make new links")
    return secret


def _make_secret(path: Path) -> None:
    """Written whole or not at all, and never over another one: of two that make it at once, both use the same."""
    draft = path.with_name(f".{uuid4().hex}.partial")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(SHORTEST_SECRET))
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)

"""Mail to customers on its way: who gets it, what was sent, what is tried again. What it says: not here."""

from datetime import datetime
from typing import Any

from sqlalchemy import Engine, func, select, update

from flybill_pipeline.billing.alerts.deliveries import MOST_ATTEMPTS
from flybill_pipeline.billing.alerts.letters import Letter
from flybill_pipeline.billing.alerts.problems import Undelivered
from flybill_pipeline.stores.alerts.budget_tables import customer_mails
from flybill_pipeline.stores.invoicing.tables import organizations


class Letters:
    """The mails that were written. Who writes one does so in the transaction of what it tells."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def take_due(self, now: datetime, until: datetime, most_attempts: int, most: int) -> list[Letter]:
        """So many of the mails that may be sent now, to the addresses of now; until then nobody else gets them."""
        mail = customer_mails.c
        waiting = (mail.sent_at.is_(None), mail.attempts < most_attempts, mail.next_attempt_at <= now)
        address = select(organizations.c.email).where(organizations.c.org_id == mail.org_id).scalar_subquery()
        turn = select(mail.mail_id).where(*waiting).order_by(mail.attempts, mail.next_attempt_at, mail.mail_id)
        mine = turn.limit(most).with_for_update(skip_locked=True)
        taken = update(customer_mails).where(mail.mail_id.in_(mine.scalar_subquery())).values(next_attempt_at=until)
        columns = (mail.mail_id, mail.org_id, address.label("recipient"), mail.subject, mail.body, mail.attempts)
        with self._engine.begin() as connection:
            due = [Letter(**row._mapping) for row in connection.execute(taken.returning(*columns))]
        return sorted(due, key=lambda letter: (letter.attempts, letter.mail_id))

    def troubled(self, since: datetime, attempts: int) -> Undelivered | None:
        """How many wait, and were given up, when one from then on was tried so often; None while all goes well."""
        mail = customer_mails.c
        recent = mail.sent_at.is_(None) & (mail.created_at >= since)
        given_up = func.count().filter(mail.attempts >= MOST_ATTEMPTS)
        tried = func.max(mail.error).filter(mail.attempts >= attempts)
        with self._engine.connect() as connection:
            row = connection.execute(select(func.count() - given_up, given_up, tried).where(recent)).one()
        return None if row[2] is None else Undelivered("mail", *row)

    def sent(self, letter: Letter, now: datetime) -> None:
        """The mail has arrived."""
        self._note(letter, sent_at=now, error=None)

    def failed(self, letter: Letter, error: str, next_attempt_at: datetime) -> None:
        """The mail has not arrived, for this reason; it is tried again then."""
        self._note(letter, error=error, next_attempt_at=next_attempt_at)

    def _note(self, letter: Letter, **values: Any) -> None:
        mail = customer_mails.c
        with self._engine.begin() as connection:
            noted = update(customer_mails).where(mail.mail_id == letter.mail_id)
            connection.execute(noted.values(attempts=mail.attempts + 1, **values))

"""Stripe's accounts and their keys, as rows; what was sent to another account than this key's. Asks Stripe nothing."""

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, Engine, Table, Update, and_, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.sync.accounts import MadeElsewhere, StripeAccount
from flybill_pipeline.billing.sync.values import AT_REST, FOR_A_PERSON
from flybill_pipeline.billing.words.english import english
from flybill_pipeline.billing.words.sync import failure_words
from flybill_pipeline.stores.invoicing.tables import invoices, organizations
from flybill_pipeline.stores.sync.tables import stripe_customers, stripe_keys, stripe_profiles, stripe_sync

BEGUN_ELSEWHERE = {
    "error_kind": "org",
    "error_code": "other_account",
    "error_message": "It was begun in another account or mode of Stripe's than the one that this key belongs to",
    "error_remedy": "Set the key of that account again and close. Or look there: if it does not stand finalized, "
    "`flybill repair` begins it again with this key; a draft that is left there is never collected.",
    "error_customer_message": english(failure_words("other_account")),
}

_FORGOTTEN: dict[str, object] = dict.fromkeys(
    (
        "step_key",
        "step_first_sent_at",
        "first_sent_at",
        "sent_after",
        "sent_with",
        "stripe_invoice_id",
        "stripe_customer_id",
        "stripe_status",
        "hosted_invoice_url",
        "livemode",
        "terms",
        "profile",
        "asked_about",
    )
)


class Accounts:
    """The accounts of one deployment, seen from the key in use; `key_mark` names it, see `SyncBreaker`."""

    def __init__(self, engine: Engine, key_mark: str = "") -> None:
        self._engine, self._key_mark = engine, key_mark

    def mine(self) -> StripeAccount | None:
        """The account of this key, None while it is not known."""
        row = stripe_keys.c
        query = select(row.account_id, row.livemode).where(row.key_mark == self._key_mark)
        with self._engine.connect() as connection:
            known = connection.execute(query).one_or_none()
        return None if known is None else StripeAccount(*known)

    def keep(self, account: StripeAccount) -> None:
        """This key belongs to that account."""
        values = {"account_id": account.account_id, "livemode": account.livemode}
        row = insert(stripe_keys).values(key_mark=self._key_mark, **values)
        with self._engine.begin() as connection:
            connection.execute(row.on_conflict_do_update(index_elements=["key_mark"], set_=values))

    def has_others(self) -> bool:
        """Whether another key was in use before."""
        others = select(stripe_keys.c.key_mark).where(stripe_keys.c.key_mark != self._key_mark)
        with self._engine.connect() as connection:
            return bool(connection.scalar(select(others.exists())))

    def made_elsewhere(self, month: Month) -> Sequence[MadeElsewhere]:
        """The month's invoices that were sent to other accounts than that of this key, by account."""
        account = (stripe_keys.c.account_id, stripe_keys.c.livemode)
        query = (
            select(*account, func.count())
            .select_from(invoices)
            .join(stripe_sync, stripe_sync.c.invoice_id == invoices.c.invoice_id)
            .join(stripe_keys, stripe_keys.c.key_mark == _key_of(stripe_sync))
            .where(invoices.c.month == str(month), elsewhere(stripe_sync, self._key_mark))
            .group_by(*account)
            .order_by(*account)
        )
        with self._engine.connect() as connection:
            return [MadeElsewhere(StripeAccount(name, live), count) for name, live, count in connection.execute(query)]

    def move_in(self, month: Month, shard: int | None, org_ids: Collection[str] | None) -> None:
        """Prepares what is in this scope for the account of this key.

        Customers that the sync made in another account are let go: it makes new ones. Those that a person linked stay.
        Invoices that were begun in another account wait for a person: they may stand finalized there.
        """
        scope = [invoices.c.month == str(month)]
        scope += [] if shard is None else [invoices.c.shard == shard]
        scope += [] if org_ids is None else [invoices.c.org_id.in_(org_ids)]
        made = select(stripe_customers.c.stripe_customer_id).where(
            stripe_customers.c.org_id == organizations.c.org_id, elsewhere(stripe_customers, self._key_mark)
        )
        theirs = organizations.c.stripe_customer_id == made.scalar_subquery()
        open_here = stripe_sync.c.invoice_id.in_(select(invoices.c.invoice_id).where(*scope))
        begun = and_(open_here, stripe_sync.c.state.not_in(AT_REST), elsewhere(stripe_sync, self._key_mark))
        in_scope = organizations.c.org_id.in_(select(invoices.c.org_id).where(*scope))
        stopped = {"state": "blocked", "attempts": stripe_sync.c.attempts + 1, "next_attempt_at": None}
        half_made = and_(stripe_customers.c.state != "finalized", elsewhere(stripe_customers, self._key_mark))
        told_there = elsewhere(stripe_profiles, self._key_mark)
        with self._engine.begin() as connection:
            connection.execute(update(organizations).where(in_scope, theirs).values(stripe_customer_id=None))
            connection.execute(update(stripe_customers).where(half_made).values(**_as_never_sent(stripe_customers)))
            connection.execute(update(stripe_profiles).where(told_there).values(**_as_never_sent(stripe_profiles)))
            connection.execute(update(stripe_sync).where(begun).values(**stopped, **BEGUN_ELSEWHERE))


def begun_anew(condition: ColumnElement[bool], key_mark: str) -> Update:
    """A person has looked: invoices that were begun in another account are as if they had never been sent."""
    waits = stripe_sync.c.state.in_(FOR_A_PERSON)
    forgotten = {name: value for name, value in _FORGOTTEN.items() if name in stripe_sync.c}
    return update(stripe_sync).where(condition, waits, elsewhere(stripe_sync, key_mark)).values(forgotten)


def _as_never_sent(table: Table) -> dict[str, object]:
    known = {name: value for name, value in _FORGOTTEN.items() if name in table.c}
    return known | {"state": "new", "step": None, "attempts": table.c.attempts + 1}


def elsewhere(table: Table, key_mark: str) -> ColumnElement[bool]:
    """Whether a row was sent to another account, or another mode of it, than that of the key; where that is known."""
    mine, theirs = stripe_keys.alias(), stripe_keys.alias()
    other = tuple_(theirs.c.account_id, theirs.c.livemode) != tuple_(mine.c.account_id, mine.c.livemode)
    both = select(mine.c.key_mark).where(mine.c.key_mark == key_mark, theirs.c.key_mark == _key_of(table), other)
    return and_(table.c.first_sent_at.is_not(None), both.correlate(table).exists())


def _key_of(table: Table) -> ColumnElement[str]:
    """The key that a row was first sent with; the first of all, where it was sent before that was written down."""
    first = stripe_keys.alias()
    oldest = select(first.c.key_mark).order_by(first.c.entry_id).limit(1).scalar_subquery()
    return func.coalesce(table.c.sent_with, oldest)

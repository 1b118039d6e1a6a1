"""Organizations at rest: the rows of who is billed. Their terms: org_terms.py. Files of them: organizations_file.py.

A column of an organization is said in the dataclass here, in the table, and in a migration.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime

from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.dialects.postgresql import insert

from flybill_pipeline.billing.invoicing.shards import shard_of
from flybill_pipeline.billing.invoicing.tax_ids import UnknownTaxIdError, tax_id_of
from flybill_pipeline.billing.invoicing.terms import OrgTerms, Term
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.stores.invoicing.org_terms import (
    CONTRACT,
    CURRENCY,
    ContractMonths,
    ImportRefusedError,
    TermsChange,
    TermsRow,
    added_terms,
    changed_contracts,
    newest_currency,
    read_terms,
    require_contracts,
    require_currencies,
)
from flybill_pipeline.stores.invoicing.tables import organization_terms, organizations
from flybill_pipeline.stores.invoicing.terms_when_billed import terms_when_billed

SENT = "send_invoice"
METHODS = ("charge_automatically", SENT)
NOTHING = "-"
"""In a file: takes away what is stored."""


@dataclass(frozen=True, slots=True)
class Organization:
    """One organization as it is stored. `currency` is the newest one; which held when, its terms say."""

    org_id: str
    name: str
    currency: str
    email: str | None = None
    stripe_customer_id: str | None = None
    collection_method: str = METHODS[0]
    days_until_due: int | None = None
    address_line1: str | None = None
    address_city: str | None = None
    address_postal_code: str | None = None
    address_state: str | None = None
    address_country: str | None = None
    tax_id: str | None = None
    purchase_order: str | None = None
    language: str | None = None


COLUMNS = tuple(each.name for each in fields(Organization))


@dataclass(frozen=True, slots=True)
class OrgRow:
    """What a row of a file says of an organization. `columns` has what it names; None there takes away.

    `place` names file and row.
    """

    place: str
    columns: Mapping[str, object]
    terms: TermsRow

    @property
    def org_id(self) -> str:
        return str(self.columns["org_id"])


class Organizations:
    """The rows of the organizations."""

    def __init__(self, engine: Engine, shards: int) -> None:
        self._engine = engine
        self._shards = shards

    def save(self, rows: Iterable[OrgRow], now: datetime) -> tuple[int, int]:
        """Stores organizations by org_id, all or none; returns how many were new and how many changed.

        What a row does not name stays as it is, so a list without Stripe's ids does not unlink anybody. Raises
        ImportRefusedError when two organizations would share a customer, a settled month would change its currency,
        an end is no contract's, or Stripe would ask for what is not there.
        """
        with self._engine.begin() as connection:
            connection.execute(text("select pg_advisory_xact_lock(hashtext('flybill organizations'))"))
            before, given = {org.org_id: org for org in _stored(connection)}, list(rows)
            known = _with_terms(connection, before.values())
            changes = [TermsChange(row.place, row.org_id, row.terms, known.get(row.org_id)) for row in given]
            require_currencies(connection, changes)
            require_contracts(changes)
            terms = {change.org_id: list(added_terms(change, now)) for change in changes}
            currencies = {change.org_id: newest_currency(change, terms[change.org_id]) for change in changes}
            after = [_merged(row, currencies[row.org_id], before.get(row.org_id)) for row in given]
            _require_what_stripe_asks_for(list(zip(given, after, strict=True)))
            _require_own_customers({**before, **{org.org_id: org for org in after}}.values())
            changed = [org for org in after if before.get(org.org_id) != org or terms[org.org_id]]
            self._write(connection, changed, terms)
        new = sum(org.org_id not in before for org in changed)
        return new, len(changed) - new

    def changed_contracts(self, rows: Iterable[OrgRow], now: datetime, lookback_months: int) -> ContractMonths:
        """The settled months whose contract `rows` would change.

        To be asked before they are saved.
        """
        with self._engine.connect() as connection:
            given = list(rows)
            stored = _stored(connection, org_ids=[row.org_id for row in given])
            known = _with_terms(connection, stored, org_ids=[org.org_id for org in stored])
            changes = [TermsChange(row.place, row.org_id, row.terms, known.get(row.org_id)) for row in given]
            return changed_contracts(connection, changes, now, lookback_months)

    def _write(
        self, connection: Connection, orgs: Sequence[Organization], terms: Mapping[str, Sequence[tuple[str, Term]]]
    ) -> None:
        if not orgs:
            return
        statement = insert(organizations)
        updates = {name: statement.excluded[name] for name in COLUMNS if name != "org_id"}
        rows = [asdict(org) | {"shard": shard_of(org.org_id, self._shards)} for org in orgs]
        connection.execute(statement.on_conflict_do_update(index_elements=["org_id"], set_=updates), rows)
        entries = [
            {"org_id": org.org_id, "kind": kind, "starts_at": term.starts, "value": term.value}
            for org in orgs
            for kind, term in terms[org.org_id]
        ]
        if entries:
            connection.execute(insert(organization_terms), entries)

    def all(self, shard: int | None = None, org_ids: Collection[str] = ()) -> list[Organization]:
        """The organizations, in order of their ids; of one shard, or just `org_ids`, where given."""
        with self._engine.connect() as connection:
            return _stored(connection, shard, org_ids)

    def with_terms(self, org_ids: Collection[str]) -> list[tuple[Organization, OrgTerms]]:
        """The organizations with these ids, and what each is billed by."""
        with self._engine.connect() as connection:
            stored = _stored(connection, org_ids=org_ids)
            terms = _with_terms(connection, stored, org_ids=org_ids)
        return [(org, terms[org.org_id]) for org in stored]

    def terms(self, shard: int | None = None, org_ids: Collection[str] = ()) -> dict[str, OrgTerms]:
        """What the same organizations are billed by, from when on."""
        with self._engine.connect() as connection:
            return _with_terms(connection, _stored(connection, shard, org_ids), shard, org_ids)

    def newest_terms(self) -> int:
        """A number that grows with each change of anybody's terms, and each new organization."""
        with self._engine.connect() as connection:
            return int(connection.execute(select(func.max(organization_terms.c.entry_id))).scalar() or 0)

    def terms_when_billed(
        self, month: Month, shard: int | None = None, org_ids: Collection[str] = ()
    ) -> dict[str, OrgTerms]:
        """The same as it was known when their month was priced: a contract may be dated back since."""
        with self._engine.connect() as connection:
            terms = _with_terms(connection, _stored(connection, shard, org_ids), shard, org_ids)
            return terms_when_billed(connection, month, terms)


def _stored(connection: Connection, shard: int | None = None, org_ids: Collection[str] = ()) -> list[Organization]:
    query = select(*(organizations.c[name] for name in COLUMNS)).order_by(organizations.c.org_id)
    if shard is not None:
        query = query.where(organizations.c.shard == shard)
    if org_ids:
        query = query.where(organizations.c.org_id.in_(org_ids))
    return [Organization(**row._mapping) for row in connection.execute(query)]


def _with_terms(
    connection: Connection, orgs: Iterable[Organization], shard: int | None = None, org_ids: Collection[str] = ()
) -> dict[str, OrgTerms]:
    terms = read_terms(connection, shard, org_ids)
    return {
        org.org_id: OrgTerms(
            org.org_id,
            org.currency,
            currencies=terms.get(org.org_id, {}).get(CURRENCY, ()),
            contracts=terms.get(org.org_id, {}).get(CONTRACT, ()),
        )
        for org in orgs
    }


def _require_what_stripe_asks_for(orgs: Iterable[tuple[OrgRow, Organization]]) -> None:
    faults = [
        f"{row.place}: {fault}" for row, org in orgs for fault in (_email_fault(row, org), _tax_fault(org)) if fault
    ]
    if faults:
        raise ImportRefusedError(faults)


def _email_fault(row: OrgRow, org: Organization) -> str | None:
    """Stripe sends invoices to nobody without an email address. A customer that is there already may have one there."""
    if org.collection_method != SENT or org.email is not None:
        return None
    if org.stripe_customer_id is not None and "email" not in row.columns:
        return None
    return (
        f"{org.org_id} is to be sent invoices (collection_method {SENT}) and has no email: add one, or use {METHODS[0]}"
    )


def _tax_fault(org: Organization) -> str | None:
    if org.tax_id is None:
        return None
    try:
        tax_id_of(org.tax_id, org.address_country)
    except UnknownTaxIdError as error:
        return f"{org.org_id}: {error}"
    return None


def _require_own_customers(orgs: Iterable[Organization]) -> None:
    owners: dict[str, str] = {}
    faults = [
        f"stripe_customer_id {org.stripe_customer_id} belongs to {owner} already, so {org.org_id} needs another one"
        for org in orgs
        if org.stripe_customer_id and (owner := owners.setdefault(org.stripe_customer_id, org.org_id)) != org.org_id
    ]
    if faults:
        raise ImportRefusedError(faults)


def _merged(row: OrgRow, currency: str, stored: Organization | None) -> Organization:
    named = dict(row.columns)
    if named.get("collection_method", METHODS[0]) is None:
        named["collection_method"] = METHODS[0]
    if stored is None:
        return Organization(**{**named, "currency": currency})  # type: ignore[arg-type]  # the reader made them
    return replace(stored, **named, currency=currency)  # type: ignore[arg-type]

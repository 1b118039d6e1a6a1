"""Who is billed: reading the CSV of organizations and keeping their rows. Nothing about their bills."""

import csv
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from sqlalchemy import Engine, select
from sqlalchemy.dialects.postgresql import insert

from flybill_pipeline.billing.invoicing.shards import shard_of
from flybill_pipeline.billing.money.currencies import UnknownCurrencyError, currency_of
from flybill_pipeline.stores.invoicing.tables import organizations

REQUIRED = ("org_id", "name", "currency")
OPTIONAL = ("email", "stripe_customer_id", "collection_method", "days_until_due", "contract")
METHODS = ("charge_automatically", "send_invoice")


class ImportRefusedError(Exception):
    """A file of organizations with faults in it; nothing of it was stored. `faults` name file, row and remedy."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Organization:
    """One organization that is billed in one currency. None means: not said (in a file), not there (in the store)."""

    org_id: str
    name: str
    currency: str
    email: str | None = None
    stripe_customer_id: str | None = None
    collection_method: str | None = None
    days_until_due: int | None = None
    contract: str | None = None


def read_organizations(file: Path, *, contracts: Collection[str] | None = None) -> list[Organization]:
    """The organizations in a CSV file, or ImportRefusedError with every fault in it.

    `contracts` are the names that the price books know; None leaves the column unchecked.
    """
    try:
        with file.open(newline="", encoding="utf-8-sig") as opened:
            reader = csv.DictReader(opened, strict=True)
            rows = list(reader)
            header = reader.fieldnames or []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ImportRefusedError([f"{file}: cannot be read as CSV in UTF-8: {error}"]) from None
    if missing := [name for name in REQUIRED if name not in header]:
        raise ImportRefusedError(
            [f"{file}: row 1: column {missing[0]} is missing; the header must have {', '.join(REQUIRED)}"]
        )
    if unknown := [name for name in header if name not in REQUIRED + OPTIONAL]:
        known = ", ".join(REQUIRED + OPTIONAL)
        raise ImportRefusedError([f"{file}: row 1: column {unknown[0]!r} is not known; known are {known}"])
    return _checked(file, rows, contracts)


def _checked(file: Path, rows: list[dict[str, str]], contracts: Collection[str] | None) -> list[Organization]:
    faults: list[str] = []
    orgs: dict[str, Organization] = {}
    owners: dict[str, str] = {}
    for number, row in enumerate(rows, start=2):
        fault = _fault(row, contracts)
        org = None if fault else _organization(row)
        if org is not None and org.org_id in orgs:
            fault = f"org_id {org.org_id!r} stands twice in this file: remove one of the rows"
        customer = org.stripe_customer_id if org else None
        if org is not None and customer and owners.setdefault(customer, org.org_id) != org.org_id:
            fault = (
                f"stripe_customer_id {customer} belongs to {owners[customer]} already: one customer per organization"
            )
        if fault or org is None:
            faults.append(f"{file}: row {number}: {fault}")
        else:
            orgs[org.org_id] = org
    if faults:
        raise ImportRefusedError(faults)
    return list(orgs.values())


def _fault(row: dict[str, str], contracts: Collection[str] | None) -> str | None:
    """What is wrong with a row, in one sentence with its remedy; None when it is fine."""
    if None in row or None in row.values():
        return "has not as many fields as the header: quote a field that holds a comma"
    if empty := next((name for name in REQUIRED if not row[name].strip()), None):
        return f"{empty} is empty: every organization needs one"
    try:
        currency_of(row["currency"].strip().lower())
    except UnknownCurrencyError as error:
        return str(error)
    method = (row.get("collection_method") or "").strip()
    if method and method not in METHODS:
        return f"collection_method {method!r} is not known: use {' or '.join(METHODS)}"
    days = (row.get("days_until_due") or "").strip()
    if days and not days.isdecimal():
        return f"days_until_due {days!r} is not a whole number of days"
    if method == "send_invoice" and not days:
        return "collection_method send_invoice needs days_until_due, such as 30"
    contract = (row.get("contract") or "").strip()
    if contract and contracts is not None and contract not in contracts:
        return f"contract {contract!r} stands in no price book: known are {', '.join(sorted(contracts)) or 'none'}"
    return None


def _organization(row: dict[str, str]) -> Organization:
    value = {name: (row.get(name) or "").strip() or None for name in REQUIRED + OPTIONAL}
    return Organization(
        org_id=row["org_id"].strip(),
        name=row["name"].strip(),
        currency=row["currency"].strip().lower(),
        email=value["email"],
        stripe_customer_id=value["stripe_customer_id"],
        collection_method=value["collection_method"],
        days_until_due=int(value["days_until_due"]) if value["days_until_due"] else None,
        contract=value["contract"],
    )


class Organizations:
    """The rows of the organizations."""

    def __init__(self, engine: Engine, shards: int) -> None:
        self._engine = engine
        self._shards = shards

    def save(self, orgs: Iterable[Organization]) -> tuple[int, int]:
        """Stores organizations by org_id, all or none; returns how many were new and how many changed.

        An empty optional field leaves what is stored as it is, so a list without Stripe's ids does not unlink anybody.
        Raises ImportRefusedError when two organizations would share a customer.
        """
        before = {org.org_id: org for org in self.all()}
        after = [_merged(org, before.get(org.org_id)) for org in orgs]
        _require_own_customers({**before, **{org.org_id: org for org in after}}.values())
        changed = [org for org in after if before.get(org.org_id) != org]
        if changed:
            rows = [asdict(org) | {"shard": shard_of(org.org_id, self._shards)} for org in changed]
            statement = insert(organizations)
            updates = {c: statement.excluded[c] for c in (*REQUIRED, *OPTIONAL) if c != "org_id"}
            with self._engine.begin() as connection:
                connection.execute(statement.on_conflict_do_update(index_elements=["org_id"], set_=updates), rows)
        new = sum(org.org_id not in before for org in changed)
        return new, len(changed) - new

    def all(self, shard: int | None = None, org_ids: Collection[str] = ()) -> list[Organization]:
        """The organizations, in order of their ids; of one shard, or just `org_ids`, where given."""
        query = select(*(organizations.c[name] for name in REQUIRED + OPTIONAL)).order_by(organizations.c.org_id)
        if shard is not None:
            query = query.where(organizations.c.shard == shard)
        if org_ids:
            query = query.where(organizations.c.org_id.in_(org_ids))
        with self._engine.connect() as connection:
            return [Organization(**row._mapping) for row in connection.execute(query)]


def _require_own_customers(orgs: Iterable[Organization]) -> None:
    owners: dict[str, str] = {}
    faults = [
        f"stripe_customer_id {org.stripe_customer_id} belongs to {owner} already, so {org.org_id} needs another one"
        for org in orgs
        if org.stripe_customer_id and (owner := owners.setdefault(org.stripe_customer_id, org.org_id)) != org.org_id
    ]
    if faults:
        raise ImportRefusedError(faults)


def _merged(org: Organization, stored: Organization | None) -> Organization:
    if stored is None:
        return replace(org, collection_method=org.collection_method or METHODS[0])
    kept = {name: getattr(stored, name) for name in OPTIONAL if getattr(org, name) is None}
    return Organization(**(asdict(org) | kept))

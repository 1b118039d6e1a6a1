"""Reads files of organizations: who is billed, and from when on by which terms. Keeping them: organizations.py.

A row has `org_id`, `name`, `currency` and what else is known; an empty field says nothing, `-` takes away what is
stored. Times are UTC days or ISO times with their zone.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import Field, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from flybill_pipeline.billing.invoicing.countries import COUNTRIES, MEANT
from flybill_pipeline.billing.money.currencies import UnknownCurrencyError, currency_of
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.usage.aliases import WAITING
from flybill_pipeline.billing.usage.texts import LONGEST_CUSTOM_FIELD, LONGEST_NAME, fault_of_text
from flybill_pipeline.billing.words.languages import LANGUAGES
from flybill_pipeline.stores.invoicing.imported_fields import (
    RowFaultError,
    csv_rows,
    read_moment,
    require_columns,
    require_texts,
)
from flybill_pipeline.stores.invoicing.org_terms import ImportRefusedError, TermsRow
from flybill_pipeline.stores.invoicing.organizations import METHODS, NOTHING, Organization, OrgRow

REQUIRED = ("org_id", "name", "currency")
A_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")


def read_organizations(file: Path, *, contracts: Collection[str] | None = None) -> list[OrgRow]:
    """The organizations in a CSV file, or ImportRefusedError with every fault in it.

    `contracts` are the names that the price books know; None leaves the column unchecked.
    """
    header, rows = csv_rows(file)
    require_columns(file, header, REQUIRED, READERS)
    return _checked(file, rows, contracts)


def _checked(file: Path, rows: list[dict[str, str]], contracts: Collection[str] | None) -> list[OrgRow]:
    faults: list[str] = []
    orgs: dict[str, OrgRow] = {}
    owners: dict[str, str] = {}
    for number, row in enumerate(rows, start=2):
        try:
            org = _org_row(f"{file}: row {number}", row, contracts)
            if org.org_id in orgs:
                raise RowFaultError(f"org_id {org.org_id!r} stands twice in this file: remove one of the rows")
            _require_own_customer(org, owners)
            orgs[org.org_id] = org
        except RowFaultError as fault:
            faults.append(f"{file}: row {number}: {fault}")
    if faults:
        raise ImportRefusedError(faults)
    return list(orgs.values())


def _require_own_customer(org: OrgRow, owners: dict[str, str]) -> None:
    customer = org.columns.get("stripe_customer_id")
    if isinstance(customer, str) and owners.setdefault(customer, org.org_id) != org.org_id:
        raise RowFaultError(
            f"stripe_customer_id {customer} belongs to {owners[customer]} already: one customer per organization"
        )


def _org_row(place: str, row: Mapping[str, str], contracts: Collection[str] | None) -> OrgRow:
    if None in row or None in row.values():
        raise RowFaultError("has not as many fields as the header: quote a field that holds a comma")
    texts = {name: text.strip() for name, text in row.items() if text.strip()}
    require_texts(texts)
    if empty := next((name for name in REQUIRED if texts.get(name, NOTHING) == NOTHING), None):
        raise RowFaultError(f"{empty} is empty: every organization needs one")
    values = {name: None if text == NOTHING else READERS[name](text) for name, text in texts.items()}
    if values.get("collection_method") == "send_invoice" and values.get("days_until_due") is None:
        raise RowFaultError("collection_method send_invoice needs days_until_due, such as 30")
    terms = _terms(values)
    if terms.contract is not None and contracts is not None and terms.contract not in contracts:
        known = ", ".join(sorted(contracts)) or "none"
        raise RowFaultError(f"contract {terms.contract!r} stands in no price book: known are {known}")
    columns = {name: value for name, value in values.items() if name not in DATED}
    return OrgRow(place, columns, terms)


def _terms(values: Mapping[str, object]) -> TermsRow:
    start, end = _moment_of(values, "contract_from"), _moment_of(values, "contract_until")
    names = "contract" in values
    contract = values.get("contract")
    if contract is not None and start is None:
        raise RowFaultError(
            f"contract {contract!r} has no beginning: say from when on it holds in contract_from, such as 2026-10-01"
        )
    if start is not None and not names:
        raise RowFaultError("contract_from has no contract: say which one begins, or - where none holds from then on")
    if start is not None and end is not None and end <= start:
        raise RowFaultError(f"contract_until {end:%Y-%m-%d} is not after contract_from {start:%Y-%m-%d}")
    if names and contract is None and end is not None:
        raise RowFaultError(
            f"contract - has contract_until {end:%Y-%m-%d}: leave it empty, no contract holds from contract_from on. "
            "A contract that begins again later has a row of its own"
        )
    return TermsRow(
        currency=str(values["currency"]),
        ends_contract=names and contract is None,
        contract=None if contract is None else str(contract),
        contract_from=start,
        contract_until=end,
        contract_goes_on="contract_until" in values and end is None,
        currency_from=_moment_of(values, "currency_from"),
    )


def _moment_of(values: Mapping[str, object], name: str) -> datetime | None:
    value = values.get(name)
    return value if isinstance(value, datetime) else None


def _name(text: str) -> str:
    if fault := fault_of_text("name", text, LONGEST_NAME):
        raise RowFaultError(f"{fault} (Stripe takes no longer one)")
    return text


def _country(text: str) -> str:
    letters = text.upper()
    if letters in COUNTRIES:
        return letters
    meant = MEANT.get(letters)
    raise RowFaultError(
        f"address_country {text!r} is no country: use its two letters (ISO 3166), {meant or 'such as US or DE'}"
    )


def _purchase_order(text: str) -> str:
    if fault := fault_of_text("purchase_order", text, LONGEST_CUSTOM_FIELD):
        raise RowFaultError(f"{fault} (an invoice shows no longer one)")
    return text


def _language(text: str) -> str:
    if text.lower() in LANGUAGES:
        return text.lower()
    known = ", ".join(f"{code} ({name})" for code, name in LANGUAGES.items())
    raise RowFaultError(f"language {text!r} is not one that customers can read here: use one of {known}")


def _currency(text: str) -> str:
    try:
        return currency_of(text.lower()).code
    except UnknownCurrencyError as error:
        raise RowFaultError(str(error)) from None


def _method(text: str) -> str:
    if text not in METHODS:
        raise RowFaultError(f"collection_method {text!r} is not known: use {' or '.join(METHODS)}")
    return text


def _days(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 4:
        raise RowFaultError(f"days_until_due {text!r} is not a whole number of days")
    return int(text)


def _beginning_of_a_month(text: str) -> datetime:
    begins = read_moment(f"{text}-01" if A_MONTH.fullmatch(text) else text)
    month = Month.of(begins)
    if begins != month.start:
        raise RowFaultError(
            f"currency_from {text} is within a month, and an invoice has one currency: "
            f"write {month.first_day} or {month.next().first_day}"
        )
    return begins


def _org_id(text: str) -> str:
    if text.startswith(WAITING):
        raise RowFaultError(
            f"org_id {text!r} begins with {WAITING}, as only usage that waits for an owner does: rename it"
        )
    return text


_CHECKED: Mapping[str, Callable[[str], str | int]] = {
    "org_id": _org_id,
    "name": _name,
    "currency": _currency,
    "collection_method": _method,
    "days_until_due": _days,
    "address_country": _country,
    "purchase_order": _purchase_order,
    "language": _language,
}
_TERMS: Mapping[str, Callable[[str], str | datetime]] = {
    "contract": str,
    "contract_from": read_moment,
    "contract_until": read_moment,
    "currency_from": _beginning_of_a_month,
}


def _reader(column: Field[Any]) -> Callable[[str], str | int]:
    """How the text of an organization's column is read: as it is, unless something is known of it."""
    if column.name not in _CHECKED and column.type not in (str, str | None):
        raise TypeError(f"say here how the column {column.name} of an organization is read: it is no text")
    return _CHECKED.get(column.name, str)


READERS: Mapping[str, Callable[[str], str | int | datetime]] = {
    **{column.name: _reader(column) for column in fields(Organization)},
    **_TERMS,
}
"""The columns that a file may have, and how the text of each is read."""

DATED = ("currency", *_TERMS)

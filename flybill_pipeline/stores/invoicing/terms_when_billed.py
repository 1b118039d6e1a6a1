"""The terms of organizations as they were known when a month was billed. What they are by now: org_terms.py.

Terms may be dated back. A settled month was priced by what was known then, and says so by that whenever it is asked.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import Connection, select

from flybill_pipeline.billing.invoicing.terms import OrgTerms, Term, known_then, named
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.stores.invoicing.tables import organization_terms
from flybill_pipeline.stores.pricing.tables import pricing_bases

MOST_NAMED = 100
"""Up to so many organizations are named in a query; more are picked out of all."""


def terms_when_billed(connection: Connection, month: Month, terms: Mapping[str, OrgTerms]) -> dict[str, OrgTerms]:
    """The `terms` of today of some organizations, with the contracts by which each had `month` priced.

    They stay those of today where that is not on record, or was never stated.
    """
    changed = {
        org_id: then for org_id, then in _named_then(connection, month, terms).items() if _other(terms[org_id], then)
    }
    then_known = dict(terms)
    for org_id, stated in _stated(connection, changed).items():
        contracts = known_then(stated, changed[org_id])
        if contracts is not None:
            then_known[org_id] = replace(terms[org_id], contracts=contracts)
    return then_known


def _other(terms: OrgTerms, then: Mapping[Month, str | None]) -> bool:
    return any(named(terms.in_month(month).contracts, month) != name for month, name in then.items())


def _named_then(
    connection: Connection, month: Month, terms: Mapping[str, OrgTerms]
) -> dict[str, dict[Month, str | None]]:
    """Per org the contracts of each service month that was looked at when `month` was priced."""
    basis = pricing_bases.c
    query = select(basis.org_id, basis.service_month, basis.contract).where(basis.month == str(month))
    if len(terms) <= MOST_NAMED:
        query = query.where(basis.org_id.in_(list(terms)))
    found: dict[str, dict[Month, str | None]] = defaultdict(dict)
    for org_id, service_month, contract in connection.execute(query):
        if org_id in terms:
            found[org_id][Month.parse(service_month)] = contract
    return found


def _stated(connection: Connection, orgs: Mapping[str, object]) -> dict[str, list[Term]]:
    """Per org all that was ever stated of its contracts, in that order; of orgs with changed terms, so they are few."""
    term = organization_terms.c
    query = select(term.org_id, term.starts_at, term.value).where(term.kind == "contract", term.org_id.in_(list(orgs)))
    stated: dict[str, list[Term]] = {org_id: [] for org_id in orgs}
    for org_id, starts, value in connection.execute(query.order_by(term.entry_id)) if orgs else ():
        stated[org_id].append(Term(starts, value))
    return stated

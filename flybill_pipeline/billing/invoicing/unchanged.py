"""Whether a running month of an org would come out as it did: a name for all that its draft is made of. Prices nothing.

Only for "so far": a month that has ended is always priced, whatever the names say.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import date

from flybill_pipeline.billing.invoicing.account import Account
from flybill_pipeline.billing.invoicing.terms import BilledOrg


@dataclass(frozen=True, slots=True)
class KeptDraft:
    """What is known of a draft that stands already: what it was made of, and what it came to in minor units.

    `problem` is the code of the first thing that keeps it from being billed.
    """

    made_of: str
    currency: str | None
    total_minor: int
    lines: int
    problem: str | None


def made_of(org: BilledOrg, account: Account, today: date) -> str | None:
    """Changes when the draft might. None for an account without a basis: nothing is known of its usage.

    The first basis names the org's own usage and prices; which other organizations used something is left out of it.
    With `today` in it every draft is made again once a day, whatever was forgotten here.
    """
    if not account.bases:
        return None
    own = tuple(replace(basis, usage_version="") for basis in account.bases)
    return hashlib.sha256(repr((org, replace(account, bases=own), today)).encode()).hexdigest()[:24]

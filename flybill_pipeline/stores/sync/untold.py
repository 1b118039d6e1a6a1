"""Which changes of organizations Stripe was not told yet, and which telling failed. Only reads; asks Stripe nothing."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, or_, select

from flybill_pipeline.billing.sync.profiles import changed, read_profile
from flybill_pipeline.billing.sync.untold import Untold
from flybill_pipeline.stores.invoicing.tables import organizations
from flybill_pipeline.stores.sync.orgs import ORG_COLUMNS, org_of
from flybill_pipeline.stores.sync.tables import stripe_profiles

_told = stripe_profiles.c
_PROFILE = (
    _told.profile,
    _told.error_code,
    _told.error_message,
    _told.error_remedy,
    _told.next_attempt_at,
)
_QUERY = (
    select(*_PROFILE, *ORG_COLUMNS)
    .join(organizations, organizations.c.org_id == _told.org_id)
    .where(or_(_told.stripe_customer_id == organizations.c.stripe_customer_id, _told.error_code.is_not(None)))
    .order_by(_told.error_code.is_(None), organizations.c.org_id)
)


def untold(engine: Engine) -> list[Untold]:
    """The organizations whose customers are not what an import says, those where telling failed first.

    What a customer was told is known once its organization was billed; before that nothing waits.
    """
    with engine.connect() as connection:
        found = [_untold(row[: len(_PROFILE)], row[len(_PROFILE) :]) for row in connection.execute(_QUERY)]
    return [each for each in found if each.fields or each.code]


def _untold(told: Sequence[Any], org: Sequence[Any]) -> Untold:
    profile, code, message, remedy, next_attempt_at = told
    now = org_of(org)
    fields = changed(now, read_profile(profile)) if profile else ()
    return Untold(now.org_id, sorted(fields), code, message or "", remedy or "", next_attempt_at)

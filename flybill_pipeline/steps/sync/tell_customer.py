"""Brings the customer at Stripe to what the org is today, where that changed. Making a customer: `customer.py`.

Each change is one call, under a durable row: until Stripe has taken it, the row says that nobody knows. What is sent
says how things are, so the same may be sent again at any time; something else only once nothing older may yet be
executed after it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from flybill_pipeline.billing.invoicing.tax_ids import TaxId
from flybill_pipeline.billing.sync.checks import may_be_under_way, no_end_in_sight
from flybill_pipeline.billing.sync.profiles import (
    TAX_ID,
    UNSURE,
    Profile,
    after,
    agreed,
    changed,
    profile_of,
    read_profile,
    tax_id_mark,
    unsure,
    written,
    wrong_customer,
)
from flybill_pipeline.billing.sync.values import Answer, Failure, Progress, StripeTaxId, SyncOrg, T, step_key
from flybill_pipeline.steps.sync.ports import Stripe
from flybill_pipeline.steps.sync.recovery import MISSING
from flybill_pipeline.steps.sync.row import REPAIR, Doubt, DurableRow, LookFirst
from flybill_pipeline.steps.sync.sent_keys import LATEST
from flybill_pipeline.steps.sync.tally import Tally

MOST_TRIES = 3
FORBIDDEN = 403
"""The status of an answer that a key may not have: a restricted one may write customers, and not read them."""
PROFILE, NEW_TAX_ID = "profile", "tax_id"


def tell_customer(
    org: SyncOrg, currency: str, row: DurableRow, made: Progress | None, stripe: Stripe, tally: Tally
) -> None:
    """Tells Stripe what changed of the org since it was told last; raises Pause when that did not succeed.

    `made` is the row under which the sync made a customer for the org, if it did; `currency` is the invoice's.
    """
    for _ in range(MOST_TRIES):
        try:
            _Telling(org, currency, row, made, stripe).tell()
        except LookFirst as cause:
            tally.add("recoveries")
            _may_send_again(cause.doubt, row)
        else:
            return
    raise row.failed(no_end_in_sight())


def _may_send_again(doubt: Doubt, row: DurableRow) -> None:
    if doubt is Doubt.AGE:
        row.may_send_again()
    else:
        row.new_keys(None)


class _Telling:
    """One go for one org, whose customer is known."""

    def __init__(self, org: SyncOrg, currency: str, row: DurableRow, made: Progress | None, stripe: Stripe) -> None:
        if org.customer_id is None:
            raise ValueError(f"org {org.org_id} has no customer yet")
        self._org, self._currency, self._row, self._made, self._stripe = org, currency, row, made, stripe
        self._customer_id = org.customer_id
        self._over: str | None = None  # the key of a call that is not under way any more

    def tell(self) -> None:
        told = self._told()
        fields = changed(self._org, told)
        if plain := fields - {TAX_ID}:
            content = self._stripe.contents.profile(self._org, plain)
            call = partial(self._stripe.update_profile, self._org, plain)
            self._send(PROFILE, content, unsure(told, plain), call)
            told = self._keep(after(self._org, told, plain))
        if TAX_ID in fields:
            self._tell_tax_id(told)

    def _told(self) -> Profile:
        """What this customer was told."""
        progress = self._row.progress
        if progress.profile is not None and progress.stripe_customer_id == self._customer_id:
            return read_profile(progress.profile)
        if self._made is None or self._made.stripe_customer_id != self._customer_id:
            return self._keep(self._at_first_sight())
        return self._keep(self._as_made(self._made))

    def _as_made(self, made: Progress) -> Profile:
        """What the customer was made with: what the org is now, unless the key shows that it was something else. An
        older version told no address: that an import has one since says nothing of the rest.
        """
        for org in (self._org, replace(self._org, address=None)):
            if self._stripe.contents.customer(org)[:12] in (made.step_key or "").split(":"):
                return {field: mark for field, mark in profile_of(org).items() if field != TAX_ID}
        return {}

    def _at_first_sight(self) -> Profile:
        """What stands at a customer that a person linked; it may be another's."""
        answer = self._stripe.retrieve_customer(self._customer_id)
        if isinstance(answer, Failure) and answer.status == FORBIDDEN:
            return profile_of(self._org)
        there = self._row.ask(answer)
        mark = self._stripe.contents.org_mark(self._org)
        wrong = wrong_customer(self._org, self._currency, there, mark)
        if wrong is not None and not self._confirmed():
            raise self._row.ends_as("blocked", wrong, asked_about=self._customer_id)
        return agreed(self._org, there)

    def _confirmed(self) -> bool:
        """Whether a person who was asked about this very customer repaired, or the org was billed there before."""
        progress, this = self._row.progress, self._customer_id
        return progress.stripe_customer_id == this or (progress.step == REPAIR and progress.asked_about == this)

    def _tell_tax_id(self, told: Profile) -> None:
        """Adds the new one, then removes what flybill put there before; others are somebody else's."""
        wanted, known = self._org.tax_id, set(told.get(TAX_ID, "").split())
        there = self._row.ask(self._stripe.find_tax_ids(self._customer_id))
        if wanted:
            self._add_tax_id(wanted, told, there)
            known.discard(tax_id_mark(wanted))
        for each in there:
            if tax_id_mark(each.tax_id) in known:
                self._row.ask_for(self._stripe.delete_tax_id(self._customer_id, each.stripe_tax_id), MISSING)
        self._keep(after(self._org, told, {TAX_ID}))

    def _add_tax_id(self, wanted: TaxId, told: Profile, there: Sequence[StripeTaxId]) -> None:
        mark, content = tax_id_mark(wanted), self._stripe.contents.tax_id(self._customer_id, wanted)
        if mark in {tax_id_mark(each.tax_id) for each in there}:
            self._over = self._key(NEW_TAX_ID, content)  # whoever sent it: it was executed
            return
        on_its_way = {**told, TAX_ID: " ".join(sorted({*told.get(TAX_ID, "").split(), mark, UNSURE}))}
        self._send(NEW_TAX_ID, content, on_its_way, partial(self._stripe.create_tax_id, self._customer_id, wanted))

    def _send(self, step: str, content: str, meanwhile: Profile, call: Callable[[str], Answer[T] | Failure]) -> None:
        key = self._key(step, content)
        self._require_settled(key)
        self._row.send(step, key, call, profile=written(meanwhile))
        self._over = key

    def _key(self, step: str, content: str) -> str:
        return step_key(self._org.org_id, step, content, self._row.progress.generation)

    def _require_settled(self, key: str | None = None) -> None:
        """Raises Pause while a call that was never answered may come after what is said now, unless this is its key."""
        sent = self._row.progress.step_key
        if sent not in (None, key, self._over) and self._row.may_still_be_executed():
            raise self._row.failed(may_be_under_way(LATEST))

    def _keep(self, told: Profile) -> Profile:
        """Commits what Stripe was told. The next call has another key: a name may come back after another one."""
        self._require_settled()
        self._row.commit(
            state="finalized",
            step=None,
            step_key=None,
            generation=self._row.progress.generation + 1,
            stripe_customer_id=self._customer_id,
            asked_about=None,
            profile=written(told),
        )
        return told

"""Tells of a prepaid credit when what a month was priced to takes the last of it. Safe to repeat at any time."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from flybill_pipeline.billing.alerts.events import Happened
from flybill_pipeline.billing.invoicing.items.all_items import OrgItems
from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.words.credits import used_up_words
from flybill_pipeline.billing.words.english import english


class Uses(Protocol):
    """What drafts take from credits."""

    def of(self, month: Month, shard: int, org_ids: Collection[str] = ()) -> Mapping[str, Mapping[str, int]]: ...


class Items(Protocol):
    """Credits, with what is left of them by settled months."""

    def of(self, shard: int, org_ids: Collection[str] = ()) -> Mapping[str, OrgItems]: ...


class Outbox(Protocol):
    """Keeps what is to be told, each once."""

    def note(self, found: Sequence[Happened]) -> None: ...


def watch_credits(part: ShardMonth, uses: Uses, items: Items, outbox: Outbox) -> Sequence[Happened]:
    """Notes the credits of the shard, or of its orgs `only`, that the month uses up; returns them."""
    used = uses.of(part.month, part.shard, part.only)
    held = items.of(part.shard, list(used)) if used else {}
    found = [
        Happened(
            type="credit.exhausted",
            org_id=org_id,
            month=str(part.month),
            subject=credit.credit_id,
            fact={"credit_id": credit.credit_id, "name": credit.name, "currency": credit.currency}
            | {"message": english(used_up_words(credit.name, part.month))},
            occurred_at=part.now,
        )
        for org_id, taken in used.items()
        for credit in (held[org_id].credits if org_id in held else ())
        if 0 < credit.left_minor <= taken.get(credit.credit_id, 0)
    ]
    if found:
        outbox.note(found)
    return found

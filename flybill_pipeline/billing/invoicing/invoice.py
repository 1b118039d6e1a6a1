"""What makes an invoice: its derived id, its content hash, the draft before it. No prices, no outcomes, no Stripe."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from json.encoder import encode_basestring_ascii as quoted

from flybill_pipeline.billing.invoicing.basis import Basis
from flybill_pipeline.billing.invoicing.outcomes import HoldReason
from flybill_pipeline.billing.invoicing.returned_credits import Returned
from flybill_pipeline.billing.money.decimals import plain
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem, total_minor
from flybill_pipeline.billing.pricing.portions import portions_data
from flybill_pipeline.billing.pricing.working import WorkingText, working_text


@dataclass(frozen=True)
class Draft:
    """One org's month so far. `currency` is None for an org that nobody imported: it has usage, but no bill yet.

    `carried_minor` is how much of the total comes from earlier months (it stands in `lines` too). `bases` and
    `settled_months` are the account's: what it was priced from, and by what it is known to be out of date.
    `credit_uses` is what its lines take from each prepaid credit, in minor units, `credits_returned` what of earlier
    uses goes back. `made_of` names all that it was made of, see unchanged.py.
    """

    month: Month
    org_id: str
    shard: int
    currency: str | None
    lines: tuple[LineItem, ...]
    carried_minor: int
    problems: tuple[HoldReason, ...]
    usage_up_to: datetime | None
    bases: tuple[Basis, ...] = ()
    settled_months: int = 0
    credit_uses: Mapping[str, int] = field(default_factory=dict)
    credits_returned: tuple[Returned, ...] = ()
    made_of: str | None = None

    @property
    def total_minor(self) -> int:
        """The sum of the rounded lines: rounding happened once, in each of them."""
        return total_minor(self.lines)

    @cached_property
    def workings(self) -> list[WorkingText]:
        """The working of each line, in order; needed twice, for the hash and for the row."""
        return [working_text(line.working) for line in self.lines]

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 (hex) of everything that the customer is told; equal hashes mean equal bills, line by line."""
        return _hash(self.org_id, self.currency or "", zip(self.lines, self.workings, strict=True))


def invoice_id(month: Month, org_id: str) -> str:
    """The id of the one invoice of an org's month: derived, so that it exists before anything is written or sent."""
    digest = hashlib.sha256(f"{month}\n{org_id}".encode()).hexdigest()
    return f"inv_{str(month).replace('-', '')}_{digest[:20]}"


def invoice_number(month: Month, position: int) -> str:
    """What a person calls the invoice: counted from 1 in each month, without gaps."""
    return f"FB-{month}-{position:06d}"


def content_hash(org_id: str, currency: str, lines: Iterable[LineItem]) -> str:
    """The hash of an invoice with these lines; see Draft.content_hash."""
    return _hash(org_id, currency, ((line, working_text(line.working)) for line in lines))


def _hash(org_id: str, currency: str, lines: Iterable[tuple[LineItem, WorkingText]]) -> str:
    """Of one JSON text: [org_id, currency, [[what a line says..., its working], ...]]. It can never change."""
    content = ",".join([_written(line, working) for line, working in lines])
    return hashlib.sha256(f"[{quoted(org_id)},{quoted(currency)},[{content}]]".encode()).hexdigest()


def _written(line: LineItem, working: WorkingText) -> str:
    # By hand, since json.dumps would take as long as all of rating; only texts can need escapes.
    dimensions = ",".join([f"[{quoted(name)},{quoted(value)}]" for name, value in sorted(line.dimensions.items())])
    meter, unit = ("null" if text is None else quoted(text) for text in (line.meter, line.unit))
    return (
        f"[{quoted(line.line_id)},{quoted(line.kind)},{meter},[{dimensions}],"
        f'"{line.service_month}","{plain(line.quantity)}",{unit},{line.amount_minor},'
        f"{quoted(line.currency)},{quoted(line.description)},{working.pairs}{_shown(line)}]"
    )


def _shown(line: LineItem) -> str:
    """By what a line is shown; nothing where it is not: so lines were hashed before there was any."""
    return f",{json.dumps(portions_data(line.portions), sort_keys=True)}" if line.portions else ""

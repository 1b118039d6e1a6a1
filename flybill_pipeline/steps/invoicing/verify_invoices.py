"""Prices finalized invoices again from what they were priced from, and compares content hashes. Changes nothing.

Priced again are the usage lines of the invoice's own month; its other lines (carried amounts, adjustments, credits) are
taken as recorded, so that the hash is one of the whole invoice all the same. So are the words of all: a meter that got
another name since, or a line that is said better by now, changes no bill. That no stored word was changed, the hash of
the recorded lines says.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

from flybill_pipeline.billing.invoicing.invoice import content_hash
from flybill_pipeline.billing.invoicing.shards import ShardMonth
from flybill_pipeline.billing.money.amounts import format_money
from flybill_pipeline.billing.money.decimals import plain
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.pricing.portions import Portion
from flybill_pipeline.billing.pricing.price_changes import BooksOfMonth, ContractDays
from flybill_pipeline.billing.pricing.unpriced import SUMMED_LEVELS
from flybill_pipeline.billing.pricing.usage_lines import PricedUsage, price_month
from flybill_pipeline.billing.usage.totals import OrgUsage
from flybill_pipeline.steps.pricing.price_org import BooksFor, Usage, books_under, usage_of

SAME, PRICES_CHANGED, EDITED, UNKNOWN, SUMMED, UNEXPLAINED = (
    "same",
    "price_book_changed",
    "lines_do_not_hash",
    "inputs_unknown",
    "levels_added_up",
    "unexplained",
)
_WORDS = {
    SAME: "priced again, it is the same to the last digit",
    PRICES_CHANGED: "the price books have changed since: put back those that were in force, or explain the change",
    EDITED: "the stored lines are not those that were hashed at finalization: somebody wrote past flybill",
    UNKNOWN: "it was finalized before its inputs were written down, and today's usage gives something else",
    SUMMED: "a price book added up rows that tell levels, which means nothing: the next close holds the organization",
    UNEXPLAINED: "neither its usage, nor the price books, nor the contracts on record explain it",
}


class Invoice(Protocol):
    """A finalized invoice with its lines."""

    @property
    def invoice_id(self) -> str: ...
    @property
    def number(self) -> str: ...
    @property
    def org_id(self) -> str: ...
    @property
    def shard(self) -> int: ...
    @property
    def currency(self) -> str: ...
    @property
    def content_hash(self) -> str: ...
    @property
    def priced_from(self) -> str | None: ...
    @property
    def lines(self) -> tuple[LineItem, ...]: ...


@dataclass(frozen=True, slots=True)
class Source:
    """What invoices were priced from: the usage as it was, and the fingerprints of the books. `current` is what there
    is now; None when the usage of the month has not changed since.
    """

    usage: Usage
    books: Mapping[str, str]
    current: Usage | None


@dataclass(frozen=True, slots=True)
class Verified:
    """What became of one invoice. `differences` are sentences, line by line; `late` says that usage arrived since."""

    invoice_id: str
    number: str
    org_id: str
    verdict: str
    message: str
    differences: Sequence[str]
    late: bool


def verify_invoices(
    month: Month,
    invoices: Iterable[Invoice],
    contracts: Mapping[str, tuple[ContractDays, ...]],
    sources: Callable[[str | None], Source],
    books: BooksFor,
    fingerprints: Mapping[str, str],
) -> Iterator[Verified]:
    """Every invoice of `invoices`, which must come by shard and inputs.

    `contracts` (by org, in the month's days) are those that it was billed by, `fingerprints` (of the books, by
    currency) are those of today; `sources` gives the source of an id.
    """
    for (shard, priced_from), group in groupby(invoices, key=lambda each: (each.shard, each.priced_from)):
        batch, source = list(group), sources(priced_from)
        under = {each.org_id: books_under(books(each.currency), contracts.get(each.org_id, ())) for each in batch}
        part = ShardMonth(month, shard, month.end, list(under))
        then = _usage(part, source.usage, under)
        now = then if source.current is None else _usage(part, source.current, under)
        for invoice in batch:
            org = invoice.org_id
            priced = _priced(then.get(org), under[org])
            again = _priced_again(month, invoice, priced)
            late = now is not then and again != _priced_again(month, invoice, _priced(now.get(org), under[org]))
            changed = source.books.get(invoice.currency) != fingerprints.get(invoice.currency)
            verdict = _verdict(invoice, again, priced, known=priced_from is not None, books_changed=changed)
            yield _verified(invoice, verdict, again, late=late)


def _usage(part: ShardMonth, usage: Usage, books: Mapping[str, BooksOfMonth | None]) -> dict[str, OrgUsage]:
    return {each.org_id: each for each in usage_of(part, usage, set(books.values()))}


def _priced(usage: OrgUsage | None, books: BooksOfMonth | None) -> PricedUsage:
    return PricedUsage((), ()) if books is None else price_month(books, usage.totals if usage else ())


def _priced_again(month: Month, invoice: Invoice, priced: PricedUsage) -> tuple[LineItem, ...]:
    """The invoice's lines with those of its own usage priced again, in the place of the recorded ones."""
    worded = {line.line_id: line for line in invoice.lines}
    fresh = {line.line_id: _in_the_words_of(worded.get(line.line_id), line) for line in priced.lines}
    own = {line.line_id for line in invoice.lines if _is_own(line, month)}
    lines = [fresh.get(line.line_id) if line.line_id in own else line for line in invoice.lines]
    added = [line for line_id, line in fresh.items() if line_id not in own]
    return (*(line for line in lines if line is not None), *added)


def _in_the_words_of(recorded: LineItem | None, line: LineItem) -> LineItem:
    """The line as it was told when it was finalized, if it is the same but for its words and for what shows it."""
    if recorded is None or (line.amount_minor, line.quantity, line.working) != (
        recorded.amount_minor,
        recorded.quantity,
        recorded.working,
    ):
        return line
    worded = line._replace(description=recorded.description, title=recorded.title)
    same = {*map(_names, recorded.portions)} == {*map(_names, line.portions)}
    return worded if same else worded._replace(portions=recorded.portions)


def _names(portion: Portion) -> tuple[str, ...]:
    return tuple(sorted(portion.dimensions))


def _is_own(line: LineItem, month: Month) -> bool:
    return line.kind == "usage" and line.service_month == month


def _verdict(
    invoice: Invoice, again: Sequence[LineItem], priced: PricedUsage, *, known: bool, books_changed: bool
) -> str:
    if content_hash(invoice.org_id, invoice.currency, invoice.lines) != invoice.content_hash:
        return EDITED
    if content_hash(invoice.org_id, invoice.currency, again) == invoice.content_hash:
        return SAME
    if any(each.code == SUMMED_LEVELS for each in priced.unpriced):
        return SUMMED
    if not known:
        return UNKNOWN
    return PRICES_CHANGED if books_changed else UNEXPLAINED


def _verified(invoice: Invoice, verdict: str, again: Sequence[LineItem], *, late: bool) -> Verified:
    differences = () if verdict == SAME else tuple(_differences(invoice.lines, again))
    return Verified(invoice.invoice_id, invoice.number, invoice.org_id, verdict, _WORDS[verdict], differences, late)


def _differences(recorded: Sequence[LineItem], again: Sequence[LineItem]) -> Iterator[str]:
    before, after = ({line.line_id: line for line in lines} for lines in (recorded, again))
    for key in before | after:
        one, other = before.get(key), after.get(key)
        if one is None or other is None or _said(one) != _said(other):
            yield f"{_said(one)} is now {_said(other)}"


def _said(line: LineItem | None) -> str:
    if line is None:
        return "no line"
    return f"{line.description!r} ({plain(line.quantity)}, {format_money(line.amount_minor, line.currency)})"

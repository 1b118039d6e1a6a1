"""The judge of a client: rules that must hold whatever faults it met. Belongs here: violations computed from the
state and the request log. Does not: anything that changes state, or knowledge of any client but its metadata names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from .config import DAY, EmulatorConfig
from .peaks import peaks_by_endpoint, peaks_by_mode
from .store import Json, Store, load

INVOICE_ID, SUBTOTAL, LINES, ORG_ID, CREDIT_NOTE_ID = (
    "flybill_invoice_id",
    "flybill_subtotal_minor",
    "flybill_lines",
    "flybill_org_id",
    "flybill_credit_note_id",
)
STALE_DRAFT_SECONDS = DAY
_EXAMPLES = 20
"""How many ids and messages a violation names at most."""


def violations(store: Store, config: EmulatorConfig, now: int) -> list[Json]:
    """Every broken rule as {rule, message, ids}; empty in a good run."""
    invoices = list(_invoices(store))
    finalized = [invoice for invoice in invoices if invoice["status"] in ("open", "paid", "uncollectible")]
    return [
        *_duplicate_invoices(finalized),
        *_contents(finalized),
        *_stale_drafts(invoices, now),
        *_duplicate_customers(store),
        *_duplicate_credit_notes(store),
        *_blamed_requests(store),
        *_over_limit(store, config),
        *_live_keys(store),
    ]


def _violation(rule: str, message: str, ids: Iterable[str]) -> Json:
    return {"rule": rule, "message": message, "ids": list(ids)[:_EXAMPLES]}


def _invoices(store: Store) -> Iterator[Json]:
    """Each invoice's id, status, date and metadata, with its lines added up by the database."""
    rows = store.rows(
        "select id, status, created, json_extract(body, '$.metadata') from objects where kind = 'invoice' order by seq"
    )
    sums = {
        parent: (count, total)
        for parent, count, total in store.rows(
            "select parent, count(*), sum(json_extract(body, '$.amount')) from objects where kind = 'line_item'"
            " group by parent"
        )
    }
    for invoice_id, status, created, metadata in rows:
        count, total = sums.get(invoice_id, (0, 0))
        yield {
            "id": invoice_id,
            "status": status,
            "created": created,
            "metadata": load(metadata),
            "lines": count,
            "total": total,
        }


def _duplicate_invoices(finalized: list[Json]) -> Iterator[Json]:
    by_name: defaultdict[str, list[str]] = defaultdict(list)
    for invoice in finalized:
        if name := invoice["metadata"].get(INVOICE_ID):
            by_name[name].append(invoice["id"])
    for name, ids in by_name.items():
        if len(ids) > 1:
            yield _violation("duplicate_invoice", f"{len(ids)} finalized invoices for {INVOICE_ID} {name}", ids)


def _contents(finalized: list[Json]) -> Iterator[Json]:
    for invoice in finalized:
        metadata, ids = invoice["metadata"], [invoice["id"]]
        if not invoice["lines"]:
            yield _violation("empty_invoice", "a finalized invoice has no lines", ids)
        if metadata.get(SUBTOTAL, str(invoice["total"])) != str(invoice["total"]):
            expected = metadata[SUBTOTAL]
            yield _violation("wrong_subtotal", f"lines sum to {invoice['total']}, metadata says {expected}", ids)
        if metadata.get(LINES, str(invoice["lines"])) != str(invoice["lines"]):
            expected = metadata[LINES]
            yield _violation("wrong_line_count", f"{invoice['lines']} lines, metadata says {expected}", ids)


def _stale_drafts(invoices: list[Json], now: int) -> Iterator[Json]:
    stale = [
        invoice["id"]
        for invoice in invoices
        if invoice["status"] == "draft"
        and INVOICE_ID in invoice["metadata"]
        and invoice["created"] < now - STALE_DRAFT_SECONDS
    ]
    if stale:
        yield _violation("stale_draft", f"{len(stale)} drafts of ours are older than 24 hours", stale)


def _duplicate_customers(store: Store) -> Iterator[Json]:
    """Live ones only: of a deleted customer no metadata is left."""
    rows = store.rows(
        "select json_extract(body, ?) as org, count(*), group_concat(id) from objects"
        " where kind = 'customer' and org is not null group by org having count(*) > 1",
        (f"$.metadata.{ORG_ID}",),
    )
    for org, count, ids in rows:
        yield _violation("duplicate_customer", f"{count} customers for {ORG_ID} {org}", ids.split(","))


def _duplicate_credit_notes(store: Store) -> Iterator[Json]:
    rows = store.rows(
        "select json_extract(body, ?) as name, count(*), group_concat(id) from objects"
        " where kind = 'credit_note' and name is not null group by name having count(*) > 1",
        (f"$.metadata.{CREDIT_NOTE_ID}",),
    )
    for name, count, ids in rows:
        message = f"{count} credit notes for {CREDIT_NOTE_ID} {name}"
        yield _violation("duplicate_credit_note", message, ids.split(","))


def _blamed_requests(store: Store) -> Iterator[Json]:
    """Requests that a correct client never sends: refused parameters, and keys used for something else."""
    rows = store.rows(
        "select rule, endpoint || ': ' || problem as text, count(*), group_concat(request_id) from requests"
        " where rule is not null group by rule, text order by min(seq) limit ?",
        (_EXAMPLES,),
    )
    for rule, text, count, ids in rows:
        yield _violation(rule, f"{count} x {text}", ids.split(","))


def _over_limit(store: Store, config: EmulatorConfig) -> Iterator[Json]:
    """What was sent counts, refused or not: a good client waits before it is told to."""
    for name, peak in peaks_by_endpoint(store).items():
        if config.limit_endpoint is not None and peak > config.limit_endpoint:
            yield _violation("over_limit", f"{peak} requests in one second, limit {config.limit_endpoint}", [name])
    for livemode, peak in peaks_by_mode(store).items():
        limit = config.limit_for_mode(livemode)
        if limit is not None and peak > limit:
            yield _violation("over_limit", f"{peak} requests in one second, limit {limit}", ["global"])


def _live_keys(store: Store) -> Iterator[Json]:
    rows = store.rows("select request_id from requests where livemode limit ?", (_EXAMPLES,))
    if rows:
        yield _violation("live_key", "a live secret key was sent to the emulator", [row[0] for row in rows])

"""What is shown of a whole month: where it stands in one page. The sentences and numbers are the questions'."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial

import dagster as dg

from flybill_pipeline.billing.money.amounts import format_money
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.payments.credit_notes import totals as credited
from flybill_pipeline.billing.usage.tables import TakenTable
from flybill_pipeline.defs.metadata.tables import Metadata, bars, evidence, money, trouble
from flybill_pipeline.defs.partitions import FAILED_ORG_MONTHS
from flybill_pipeline.questions.month_billed import MonthBilled, stopped_by
from flybill_pipeline.questions.month_status import MonthOverview
from flybill_pipeline.stores.payments.statements import FailedOrgMonth

MOST_MONTHS = 3


def month_metadata(billed: MonthBilled, ui_url: str | None = None, others: Sequence[Month] = ()) -> Metadata:
    """The page of a month: the sentence, who waits, money, usage that does not count, Stripe's own list, tables.

    `ui_url` is where people find Dagster, where that is known; `others` are the other months that wait.
    """
    overview, bills = billed.overview, billed.overview.bills
    return {
        "in one sentence": billed.standing.sentence,
        **waiting_metadata(billed, ui_url, others),
        "organizations": bills.organizations,
        "not closed yet": bills.undecided,
        **_money(overview),
        **_usage(overview),
        **evidence([_table(each) for each in overview.tables], "usage that stays in an engine"),
        "Stripe's own list": overview.reconciliation.not_read or overview.reconciliation.message,
        **evidence([asdict(each) for each in overview.reconciliation.differs], "differences with Stripe's own list"),
        **month_tables(billed.by_meter, bills.outcomes),
    }


def waiting_metadata(billed: MonthBilled, ui_url: str | None = None, others: Sequence[Month] = ()) -> Metadata:
    """Who waits, for what, and what to do about it; the number of all who do comes first, as Dagster plots it.

    Who waits for a person stands first: in an outage many are tried again by themselves.
    Two tables of few columns: one that is wider than the page would make the cell of the sentence as wide, and cut it
    off.
    """
    failures = sorted(billed.overview.bills.failures, key=lambda each: each.next_attempt_at is not None)
    rows = [trouble(each.message, each.remedy, org_id=each.org_id) for each in failures]
    breaker = stopped_by(billed.overview)
    return {
        "organizations that wait": billed.standing.waiting,
        **({"why nothing goes to Stripe": f"{breaker.standing} → {breaker.remedy}"} if breaker else {}),
        **({"other months that wait": _others(others)} if others else {}),
        **evidence(rows, "who waits, and what to do"),
        **({"the to-do list": _to_do_list(ui_url)} if failures else {}),
        **evidence(_known(failures), "who waits: what the customer reads"),
    }


def month_tables(by_meter: Mapping[str, Mapping[str, int]], outcomes: Mapping[str, int]) -> Metadata:
    """The month at a glance: what each meter came to, by currency, and what became of the organizations."""
    tables: Metadata = {}
    for currency, amounts in sorted(by_meter.items()):
        tables |= bars(f"{currency}: revenue by meter", amounts, partial(format_money, currency=currency))
    return tables | bars("outcomes", {outcome.replace("_", " "): number for outcome, number in outcomes.items()})


def _known(failures: Sequence[FailedOrgMonth]) -> list[dict[str, object]]:
    """The rest of what is known. When the next attempt is stands there where any of them has one: columns are dear."""
    attempts = any(each.next_attempt_at for each in failures)
    return [
        {
            "org_id": each.org_id,
            "code": f"{each.stage}: {each.code}",
            **({"next attempt": _next_attempt(each)} if attempts else {}),
            "the customer reads": each.customer_message,
        }
        for each in failures
    ]


def _next_attempt(failure: FailedOrgMonth) -> str:
    at = failure.next_attempt_at
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "after it is mended"


def _others(months: Sequence[Month]) -> str:
    """Where several wait the page of one is what is seen first, and the others are no less urgent."""
    named = ", ".join(map(str, months[-MOST_MONTHS:]))
    more = f" and {len(months) - MOST_MONTHS} more" if len(months) > MOST_MONTHS else ""
    return f"{named}{more}: each has its page under Partitions"


def _to_do_list(ui_url: str | None) -> dg.UrlMetadataValue:
    """Where nobody has said how the UI is called, a path: it leads to the UI in which it is read."""
    return dg.MetadataValue.url(f"{(ui_url or '').rstrip('/')}/assets/{FAILED_ORG_MONTHS.name}?view=events")


def _table(table: TakenTable) -> dict[str, object]:
    looked = f"looked at {table.look.at:%Y-%m-%d %H:%M} UTC" if table.look else "never looked at"
    return {
        "source": table.source,
        "its table": f"{looked}: what came since does not count yet" if table.behind else looked,
        "counted up to": table.watermark or "no watermark",
        "rows": table.rows,
    }


def _money(overview: MonthOverview) -> Metadata:
    totals, payments, notes = overview.bills.totals, overview.payments.money, credited(overview.bills.credit_notes)
    return {
        **money({currency: total["invoiced_minor"] for currency, total in totals.items()}, "invoiced"),
        **money({currency: total["synced_minor"] for currency, total in totals.items()}, "finalized in Stripe"),
        **money({currency: total["paid"] for currency, total in payments.items()}, "paid"),
        **money({currency: total["open"] for currency, total in payments.items()}, "to be paid"),
        **money({currency: sum(total.values()) for currency, total in notes.items()}, "credited"),
    }


def _usage(overview: MonthOverview) -> Metadata:
    rejected, late = overview.rejected, overview.late
    return {
        "landed files that are not read": rejected.unread,
        "files that cannot be read": len(rejected.files),
        "rows in quarantine": rejected.bad_rows,
        "rows with the id of another row": rejected.conflicts,
        "rows that repeat another row": rejected.repeats,
        "rows that a later one replaced": rejected.replaced,
        "rows that are no usage": rejected.left_out,
        "events of aliases that belong to nobody": rejected.events_waiting,
        **({} if late is None else {"organizations with usage after the close": late.organizations}),
        **_before(overview),
    }


def _before(overview: MonthOverview) -> Metadata:
    if (before := overview.usage_before) is None:
        return {}
    months = f"{before.oldest} to {before.newest}" if before.oldest < before.newest else f"{before.oldest}"
    return {"usage that no month bills": f"{months}: before {overview.first}, the first month that was closed here"}

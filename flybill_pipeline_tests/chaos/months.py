"""Finalized invoices for tests of the sync, written straight into the tables. No pricing, no Stripe."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Engine, insert

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.stores.invoicing.tables import invoice_lines, invoices, organizations

MONTH = Month(2026, 10)
FINALIZED_AT = datetime(2026, 11, 3, tzinfo=UTC)


def plant(
    engine: Engine,
    count: int,
    *,
    lines: int = 3,
    customers: Sequence[str | None] = (),
    first: int = 0,
) -> list[str]:
    """`count` orgs with one finalized invoice each; returns the invoice ids.

    Line i of an invoice of org n amounts to 100 + n + i minor units. `customers` are the orgs' customers at Stripe;
    where it ends, orgs have none yet.
    """
    numbers = range(first, first + count)
    linked = [*customers, *[None] * (count - len(customers))]
    with engine.begin() as connection:
        connection.execute(
            insert(organizations),
            [
                {
                    "org_id": f"org{n:05d}",
                    "name": f"Org {n}",
                    "currency": "usd",
                    "email": f"org{n}@example.com",
                    "stripe_customer_id": linked[n - first],
                    "shard": n % 16,
                }
                for n in numbers
            ],
        )
    return plant_invoices(engine, numbers, lines=lines)


def plant_invoices(engine: Engine, numbers: Sequence[int], *, lines: int = 3, month: Month = MONTH) -> list[str]:
    """A finalized invoice of the month for each of the orgs, which are there already; returns the invoice ids."""
    with engine.begin() as connection:
        connection.execute(insert(invoices), [_invoice(n, lines, month) for n in numbers])
        connection.execute(insert(invoice_lines), [_line(n, i, month) for n in numbers for i in range(lines)])
    return [_id(n, month) for n in numbers]


def _id(number: int, month: Month) -> str:
    return f"inv_{month}_{number:05d}"


def _amount(number: int, line: int) -> int:
    return 100 + number + line


def _invoice(number: int, lines: int, month: Month) -> dict[str, object]:
    return {
        "invoice_id": _id(number, month),
        "number": f"FB-{month}-{number:06d}",
        "month": str(month),
        "org_id": f"org{number:05d}",
        "shard": number % 16,
        "currency": "usd",
        "subtotal_minor": sum(_amount(number, i) for i in range(lines)),
        "line_count": lines,
        "content_hash": f"{number:08x}" * 8,
        "finalized_at": FINALIZED_AT,
    }


def _line(number: int, line: int, month: Month) -> dict[str, object]:
    return {
        "invoice_id": _id(number, month),
        "line_no": line + 1,
        "line_id": f"line{line:04d}",
        "kind": "usage",
        "meter": f"meter{line % 7}",
        "service_month": str(month),
        "quantity": line,
        "usage_quantity": line,
        "unit": "second",
        "amount_minor": _amount(number, line),
        "currency": "usd",
        "description": f"Line {line} of org {number}",
    }

"""The four datasets of an organization's month as CSV files in a folder, each whole or not at all. Makes no row.

The same month gives the same files, until the organization is renamed or a credit note is issued in it.
"""

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import quote

from flybill_pipeline.billing.money.decimals import exact
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.exports.files import keep, make_folder
from flybill_pipeline.exports.focus.charges import charges
from flybill_pipeline.exports.focus.columns import (
    BILLING_PERIOD,
    CONTRACT_COMMITMENT,
    COST_AND_USAGE,
    INVOICE_DETAIL,
    Row,
    billing_period,
    written,
)
from flybill_pipeline.exports.focus.commitments import commitment_row
from flybill_pipeline.exports.focus.invoice_detail import details
from flybill_pipeline.exports.forms import FOCUS
from flybill_pipeline.questions.billed import Billed

LONGEST_NAME = 200
"""Of a folder, in characters; file systems take 255 bytes."""


def datasets(billed: Billed, provider: str) -> dict[str, str]:
    """The datasets as text by the names of their files; one that has no rows has its columns."""
    committed = billed.committed
    commitments = [] if committed is None else [commitment_row(billed, committed, provider)]
    with exact():
        return {
            "cost_and_usage.csv": _csv(COST_AND_USAGE, charges(billed, provider)),
            "invoice_detail.csv": _csv(INVOICE_DETAIL, details(billed, provider)),
            "billing_period.csv": _csv(BILLING_PERIOD, [_period(billed, provider)]),
            "contract_commitment.csv": _csv(CONTRACT_COMMITMENT, commitments),
        }


def write(billed: Billed, provider: str, folder: Path) -> None:
    """Writes the datasets into the folder, which is made. Raises ExportError, or OSError when the machine is short."""
    make_folder(folder)
    for name, text in datasets(billed, provider).items():
        keep(text, folder / name)


def write_all(answers: Iterable[Billed], provider: str, exports: Path) -> int:
    """Writes the datasets of each answer into its folder, one after the other; returns how many there were."""
    count = 0
    for billed in answers:
        write(billed, provider, folder_of(exports, billed.month, billed.org.org_id))
        count += 1
    return count


def folder_of(exports: Path, month: Month, org_id: str) -> Path:
    """Where a deployment keeps the datasets of an organization's month: no id leads out of it, or into another's."""
    return month_folder(exports, month) / _folder_name(org_id)


def month_folder(exports: Path, month: Month) -> Path:
    """Where the folders of the month's organizations are."""
    return exports / FOCUS / str(month)


def _folder_name(org_id: str) -> str:
    name = quote(org_id, safe="").replace(".", "%2E")
    if len(name) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(org_id.encode()).hexdigest()
    return f"{name[: LONGEST_NAME - len(digest) - 1]}~{digest}"


def _period(billed: Billed, provider: str) -> Row:
    """The month as it is for this organization: closed when it is settled, as nothing is added to it from then on."""
    return {
        **billing_period(billed.month),
        "BillingPeriodCreated": billed.month.start,
        "BillingPeriodLastUpdated": billed.settled_at,
        "BillingPeriodStatus": "Closed",
        "InvoiceIssuerName": provider,
    }


def _csv(columns: Sequence[str], rows: Iterable[Row]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([written(row.get(column)) for column in columns] for row in rows)
    return out.getvalue()

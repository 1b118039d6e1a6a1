"""What a developer sends to set a budget: read as a row of a file of items, and kept as one. No page is made here."""

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from hmac import compare_digest
from pathlib import Path
from urllib.parse import parse_qsl

from starlette.requests import Request

from flybill_pipeline.billing.alerts.budgets import Budget
from flybill_pipeline.billing.money.amounts import from_minor
from flybill_pipeline.billing.money.decimals import plain
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.stores.invoicing.budget_fields import scope_text
from flybill_pipeline.stores.invoicing.imported_fields import RowFaultError
from flybill_pipeline.stores.invoicing.items_file import item_of
from flybill_pipeline.stores.invoicing.org_terms import ImportRefusedError
from flybill_pipeline.toolbox.tools import Toolbox

FIELDS = ("amount", "scope", "thresholds")
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
LONGEST_BODY, MOST_FIELDS = 20_000, 10
Sent = tuple[str, bytes]
"""The kind of what was sent, and the beginning of it."""
NAME = "set on the page"
PLACE = Path("the form")


class NotTakenError(Exception):
    """What was sent sets no budget; the message says why, for its sender."""


async def sent_body(request: Request) -> Sent:
    """The kind of what was sent, and its bytes; no more of them than are too many."""
    kind, body = request.headers.get("content-type", "").partition(";")[0].strip().lower(), b""
    async for piece in request.stream():
        body += piece
        if len(body) > LONGEST_BODY:
            break
    return kind, body


def read_fields(sent: Sent) -> dict[str, str]:
    """The fields of a form, or the members of a JSON object, as texts. Raises NotTakenError."""
    kind, body = sent
    if len(body) > LONGEST_BODY:
        raise NotTakenError("That is more than a budget has to say.")
    try:
        text = body.decode()
        if kind == FORM:
            return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS))
        members = json.loads(text, parse_float=Decimal) if kind == JSON else None
    except (ValueError, RecursionError):
        members = None
    if not isinstance(members, dict):
        raise NotTakenError(f"Send a form, or a JSON object with {', '.join(FIELDS)}.")
    return {name: value for name, each in members.items() if (value := _text(each)) is not None}


def require_key(fields: Mapping[str, str], key: str) -> None:
    """Raises NotTakenError when the form has not the `key` of a page of ours; a program needs none."""
    if not compare_digest(fields.get("form_key", "").encode("utf-8", "replace"), key.encode()):
        raise NotTakenError("The page was too old: please send the form again.")


def keep_budget(tools: Toolbox, org_id: str, fields: Mapping[str, str]) -> None:
    """Sets, changes or (without an amount) ends the organization's budget of that scope, from this month on.

    Raises NotTakenError.
    """
    month = Month.of(tools.now())
    try:
        scope = scope_text(given) if (given := fields.get("scope", "").strip()) else "{}"
        budgets = tools.budgets.of(month, org_ids=[org_id]).get(org_id, ())
        known = next((each for each in budgets if dict(each.scope) == json.loads(scope)), None)
        row = _row(tools, org_id, month, scope, known) | {
            name: fields[name].strip() for name in ("amount", "thresholds") if fields.get(name, "").strip()
        }
        if "amount" not in row:
            if known is None:
                raise NotTakenError("There is no such budget to take away; to set one, give an amount.")
            row |= {"amount": plain(from_minor(known.amount_minor, known.currency)), "end": str(month)}
        tools.items.save(PLACE, [item_of(1, row, None)])
    except RowFaultError as fault:
        raise NotTakenError(f"{fault}.") from None
    except ImportRefusedError as refused:
        raise NotTakenError(f"{refused.faults[0].removeprefix(f'{PLACE}: row 1: ')}.") from None


def _row(tools: Toolbox, org_id: str, month: Month, scope: str, known: Budget | None) -> dict[str, str]:
    """The item, but for what was sent. A budget that is there already is changed, also one of a file."""
    currency = tools.organizations.terms(org_ids=[org_id])[org_id].in_month(month).currency
    named = hashlib.sha256(f"{org_id}\n{scope}".encode()).hexdigest()[:24]
    row = {"item_id": known.budget_id if known else f"budget_{named}", "name": known.name if known else NAME}
    row |= {"kind": "budget", "org_id": org_id, "currency": currency, "start": str(month)}
    return row | ({"scope": scope} if scope != "{}" else {})


def _text(value: object) -> str | None:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str) if value else ""
    return None if value is None else str(value)

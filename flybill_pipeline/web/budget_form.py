"""What a developer sends to set a budget: read as a row of a file of items, and kept as one. No page is made here."""

import hashlib
import json
from asyncio import timeout
from collections.abc import Mapping
from decimal import Decimal
from hmac import compare_digest
from pathlib import Path
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from flybill_pipeline.billing.alerts.budgets import Budget
from flybill_pipeline.billing.money.amounts import from_minor
from flybill_pipeline.billing.money.decimals import plain
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.words.sentence import Sentence, said
from flybill_pipeline.stores.invoicing.budget_fields import scope_text
from flybill_pipeline.stores.invoicing.imported_fields import RowFaultError
from flybill_pipeline.stores.invoicing.items_file import item_of
from flybill_pipeline.stores.invoicing.org_terms import ImportRefusedError
from flybill_pipeline.toolbox.tools import Toolbox

FIELDS, KEY = ("amount", "scope", "thresholds"), "form_key"
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
CHANGED = "changed"
"""In the address of the page that follows a form that was taken."""
LONGEST_BODY, MOST_FIELDS = 20_000, 10
SENT_SECONDS = 10
"""For all that is sent to come: who sends slowly holds a connection that others could have."""
MOST_BUDGETS = 100
"""Of one organization, by hand: each of them is compared at each refresh."""
Sent = tuple[str, bytes]
"""The kind of what was sent, and the beginning of it."""
NAME = "set on the page"
PLACE = Path("the form")


TOO_MUCH = said("That is more than a budget has to say.")
TOO_OLD = said("The page was too old: please send the form again.")
NO_BUDGET = said("There is no such budget to take away; to set one, give an amount.")
WITHOUT_AMOUNT = said("Percents need an amount beside them. To take a budget away, send neither.")
TOO_MANY = said("There are {most} budgets already: take one away first.", most=MOST_BUDGETS)
READABLE = said("Send a form, or a JSON object with these names alone: {names}.", names=", ".join(FIELDS))
NOT_SET = said("This budget cannot be set here. Please ask us.")
FAULTS = {
    "amount": said(
        "Write the amount as a number above 0 with a point, such as 250, with the decimals of its currency."
    ),
    "thresholds": said("Write the percents as whole numbers from 1 to 1000, ten at most, such as 50 80 100."),
    "scope": said("Write what it is for as app=web, or as a JSON object of names and texts, five at most."),
}
"""By the field that cannot be read: what its sender is told. What operators read of their files says more."""
KINDS = {"amount": (int, Decimal, str), "scope": (dict, str), "thresholds": (list, int, str)}
"""What a member of a JSON object may be, beside null."""


class NotTakenError(Exception):
    """What was sent sets no budget; `why` says it to its sender, and `field` is the one to mend, "" where none is."""

    def __init__(self, why: Sentence, field: str = "") -> None:
        super().__init__(why.text)
        self.why, self.field = why, field


async def sent_body(request: Request) -> Sent:
    """The kind of what was sent, and its bytes; no more of them than are too many.

    What does not come in time, or whole, is of no kind: of "amount=250" an "amount=2" may be there.
    """
    kind, body = request.headers.get("content-type", "").partition(";")[0].strip().lower(), b""
    try:
        async with timeout(SENT_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > LONGEST_BODY:
                    break
    except (TimeoutError, ClientDisconnect):
        return "", b""
    return kind, body


def read_fields(sent: Sent) -> dict[str, str]:
    """The fields of a form, or the members of a JSON object, as texts. Raises NotTakenError."""
    kind, body = sent
    if len(body) > LONGEST_BODY:
        raise NotTakenError(TOO_MUCH)
    try:
        text = body.decode()
        if kind == FORM:
            return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS))
        members = json.loads(text, parse_float=Decimal) if kind == JSON else None
    except (ValueError, RecursionError):
        members = None
    if not isinstance(members, dict) or not members.keys() <= {*FIELDS, KEY}:
        raise NotTakenError(READABLE)  # a name that is not known may be a wrong one, and would end the budget
    for name, kinds in KINDS.items():
        if not _is_one(members.get(name), kinds):
            raise NotTakenError(FAULTS[name], name)
    fields = {name: value for name, each in members.items() if (value := _text(each)) is not None}
    if fields.get("thresholds") and not fields.get("amount", "").strip():
        raise NotTakenError(WITHOUT_AMOUNT, "amount")
    return fields


def require_key(fields: Mapping[str, str], key: str) -> None:
    """Raises NotTakenError when the form has not the `key` of a page of ours; a program needs none."""
    if not compare_digest(fields.get(KEY, "").encode("utf-8", "replace"), key.encode()):
        raise NotTakenError(TOO_OLD)


def keep_budget(tools: Toolbox, org_id: str, fields: Mapping[str, str]) -> None:
    """Sets, changes or (without an amount) ends the organization's budget of that scope, from this month on.

    Raises NotTakenError.
    """
    month = Month.of(tools.now())
    try:
        scope = scope_text(given) if (given := fields.get("scope", "").strip()) else "{}"
        budgets = tools.budgets.of(month, org_ids=[org_id]).get(org_id, ())
        known = next((each for each in budgets if dict(each.scope) == json.loads(scope)), None)
        if known is None and len(budgets) >= MOST_BUDGETS:
            raise NotTakenError(TOO_MANY)
        row = _row(tools, org_id, month, scope, known) | {
            name: fields[name].strip() for name in ("amount", "thresholds") if fields.get(name, "").strip()
        }
        if "amount" not in row:
            if known is None:
                raise NotTakenError(NO_BUDGET, "amount")
            same = known.currency == row["currency"]  # of another one the digits may not fit, and nothing is compared
            row |= {"amount": plain(from_minor(known.amount_minor, known.currency)) if same else "1", "end": str(month)}
        tools.items.save(PLACE, [item_of(1, row, None)])
    except RowFaultError as fault:
        field = str(fault).partition(" ")[0]
        raise NotTakenError(FAULTS.get(field, NOT_SET), field if field in FAULTS else "") from None
    except ImportRefusedError as refused:
        raise NotTakenError(NOT_SET) from refused


def _row(tools: Toolbox, org_id: str, month: Month, scope: str, known: Budget | None) -> dict[str, str]:
    """The item, but for what was sent. A budget that is there already is changed, also one of a file; its percents
    stay where none are sent.
    """
    currency = tools.organizations.terms(org_ids=[org_id])[org_id].in_month(month).currency
    named = hashlib.sha256(f"{org_id}\n{scope}".encode()).hexdigest()[:24]
    row = {"item_id": known.budget_id if known else f"budget_{named}", "name": known.name if known else NAME}
    row |= {"kind": "budget", "org_id": org_id, "currency": currency, "start": str(month)}
    row |= {"thresholds": " ".join(map(str, known.thresholds))} if known else {}
    return row | ({"scope": scope} if scope != "{}" else {})


def _is_one(value: object, kinds: tuple[type, ...]) -> bool:
    if isinstance(value, list) and any(type(each) is not int for each in value):
        return False
    return value is None or (isinstance(value, kinds) and not isinstance(value, bool))


def _text(value: object) -> str | None:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str) if value else ""
    return None if value is None else str(value)

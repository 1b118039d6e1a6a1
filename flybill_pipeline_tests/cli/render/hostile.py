"""Values of any answer in which every text is hostile, made from the types alone. No assertions here.

A text that must be one of few words (a state, a currency) is given by name; everything else is taken from TEXT.
"""

import json
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.words.sentence import Sentence, said
from flybill_pipeline.questions.explained import Events, EventsByDay, UsedEvent
from flybill_pipeline.stores.usage.intake.preview import Preview
from flybill_pipeline.stores.usage.lake.lake import BadRow
from flybill_pipeline.stores.usage.lake.left_out import Conflict, WaitingAlias

MARKUP = "[red]red[/red] [link=http://evil]x[/link] :bomb: [/][bold]"
CONTROLS = "\x1b[2J\x1b]0;owned\x07\x1b]52;c;cm0=\x1b\\ \x00\x08\r\n\x7f\x85\x9b31m\u202e\u2066\u200f\u2028\ud800"
TEXT = f"{MARKUP}{CONTROLS}"
WORDS = {
    "currency": "usd",
    "origin": "environment",
    "cause": "outage",
    "delay": "outage",
    "verdict": "lines_do_not_hash",
}
STATES = {"CreditNote": "blocked", "Payment": "failed", "Statement": "open", "Verdict": "differs", "Finding": "warning"}
KEYS_ARE_CURRENCIES = {"totals", "money"}
KEYS_ARE_METERS = {"dimensions", "meters"}
AMOUNTS = dict.fromkeys(
    ("invoiced_minor", "synced_minor", "due", "paid", "open", "rows", "duplicates", "conflicts", "quarantined"), 7
)


def hostile(wanted: Any, name: str = "", owner: str = "") -> Any:
    """A value of the type `wanted`, which is that of the member `name` of the class `owner`."""
    if wanted is str:
        return STATES.get(owner, TEXT) if name == "state" else WORDS.get(name, TEXT)
    if wanted in _SIMPLE:
        return _SIMPLE[wanted]()
    origin, arguments = get_origin(wanted), get_args(wanted)
    if origin is Literal:
        return WORDS.get(name) or STATES[owner]
    if origin in (Union, types.UnionType):
        return hostile(next(each for each in arguments if each is not type(None)), name, owner)
    if origin is Callable:
        return lambda: hostile(arguments[1], name, owner)
    if origin in (Mapping, dict):
        return _mapping(arguments[1], name, owner)
    if origin is not None:
        made = [hostile(arguments[0], name, owner)]
        return iter(made) if origin is Iterator else made
    hints = _hints(wanted)
    names = [each.name for each in fields(wanted)] if is_dataclass(wanted) else list(hints)
    return wanted(**{each: hostile(hints[each], each, wanted.__name__) for each in names})


_SIMPLE: dict[Any, Callable[[], Any]] = {
    int: lambda: 3,
    float: lambda: 1.5,
    bool: lambda: False,
    Decimal: lambda: Decimal("1.5"),
    datetime: lambda: datetime(2025, 10, 3, tzinfo=UTC),
    date: lambda: date(2025, 10, 3),
    Month: lambda: Month.parse("2025-10"),
    Events: lambda: _events(),  # noqa: PLW0108 - it stands below
    EventsByDay: lambda: None,  # it gives Events
    Any: lambda: TEXT,
    Sentence: lambda: said("{description}", description=TEXT),  # its own text is ours
}


def _hints(wanted: Any) -> dict[str, Any]:
    return get_type_hints(
        wanted, localns={"BadRow": BadRow, "Conflict": Conflict, "Preview": Preview, "WaitingAlias": WaitingAlias}
    )  # where it is named, it is imported for types only


def _mapping(wanted: Any, name: str, owner: str) -> dict[str, Any]:
    if name in KEYS_ARE_CURRENCIES:
        return {"usd": AMOUNTS if get_origin(wanted) is Mapping else hostile(wanted, name, owner)}
    if name == "events":  # of a preview: rows of a table
        names = ("row", "org_id", "meter", "quantity", "occurred_at", "dimensions", "event_id")
        return dict.fromkeys(names, TEXT)
    if name == "usage":
        return dict(AMOUNTS)
    if name == "released":
        return dict.fromkeys(("org_id", "code", "by", "reason"), TEXT) | {"at": hostile(datetime)}
    return {TEXT: hostile(wanted, name, owner)}


def _events() -> Events:
    event = hostile(UsedEvent)
    row = types.SimpleNamespace(
        source=TEXT,
        event_id=TEXT,
        meter=TEXT,
        dimensions=json.dumps({TEXT: TEXT}),
        occurred_at=event.occurred_at,
        arrival=1,
        row=7,
    )
    return Events([(row, Decimal("1.5"))], lambda _: {1: TEXT})

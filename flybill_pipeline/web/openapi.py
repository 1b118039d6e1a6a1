"""What programs can ask the pages, as an OpenAPI document: each address, each answer, who may. It answers nothing.

The shapes of answers are those that the makers of JSON are checked by: nothing of them is said twice.
"""

from functools import cache
from typing import Any

from pydantic import TypeAdapter

from flybill_pipeline.exports.forms import FORMS
from flybill_pipeline.exports.shapes import OwedJson
from flybill_pipeline.stores.invoicing.budget_fields import HIGHEST_THRESHOLD, MOST_NAMES, MOST_THRESHOLDS
from flybill_pipeline.web.answers import JSON, TYPES
from flybill_pipeline.web.data import BudgetsJson, LinePageJson, OverviewJson, RefusedJson

HTML = "text/html"
REF = "#/components/schemas/{model}"
SHAPES = (OverviewJson, OwedJson, LinePageJson, BudgetsJson, RefusedJson)
REFUSALS = {
    "401": ("No link came with the request.", False),
    "403": ("The link has ended, or is another organization's.", False),
    "404": ("There is nothing at this address.", False),
    "405": ("It can be read alone; `Allow` says how.", False),
    "429": ("Too many requests: ask again after `Retry-After` seconds.", True),
    "500": ("It failed, and what failed stands in the log.", False),
    "503": ("It is not available for now: ask again after `Retry-After` seconds.", True),
}
"""What any address may answer instead, and whether it says when to ask again."""

Document = dict[str, Any]
_PERCENT = {"type": "integer", "minimum": 1, "maximum": HIGHEST_THRESHOLD}
BUDGET: Document = {
    "amount": {
        "description": "Of a month, before tax, as a number or its text, with no more decimals than its currency has. "
        "Without one and without percents the budget of that scope ends.",
        "anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": ["string", "null"]}],
    },
    "scope": {
        "description": 'The usage that it is for, such as {"app": "web"} or "app=web"; nothing: the whole bill.',
        "anyOf": [
            {"type": "object", "maxProperties": MOST_NAMES, "additionalProperties": {"type": "string", "minLength": 1}},
            {"type": ["string", "null"]},
        ],
    },
    "thresholds": {
        "description": 'Whole percents at which it is told, such as [50, 80, 100] or "50 80 100".',
        "anyOf": [
            {"type": "array", "maxItems": MOST_THRESHOLDS, "items": _PERCENT},
            _PERCENT,
            {"type": ["string", "null"]},
        ],
    },
}
"""What sets a budget, member by member. Whether it can be set depends on the budgets that there are, too."""


@cache
def document() -> Document:
    """The document of this version, made once."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "What an organization owes",
            "version": "1",
            "description": "The pages of who is billed, for programs: ask for JSON and no page. Amounts are integers "
            "of the minor unit of their currency, quantities exact decimal texts.",
        },
        "security": [{"link": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {
                "link": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The last part of the link that `flybill link ORG` prints. It opens one "
                    "organization alone, and ends. Browsers keep it in a cookie.",
                }
            },
            "schemas": _schemas(),
        },
    }


def _schemas() -> Document:
    _, shapes = TypeAdapter.json_schemas(
        [(each, "serialization", TypeAdapter(each)) for each in SHAPES], ref_template=REF
    )
    described: Document = shapes["$defs"]
    return described


def _paths() -> Document:
    org = _parameter("org", {"type": "string", "minLength": 1}, "The organization's id.")
    month = _parameter(
        "month", {"type": "string", "pattern": r"^(19|[2-8]\d)\d\d-(0[1-9]|1[0-2])$"}, "Such as 2026-10."
    )
    since = _parameter("since", {"type": "string", "format": "date"}, "A day of the line: its events from then on.")
    line = _parameter("line", {"type": "integer", "minimum": 1, "maximum": 999_999_999}, "Lines count from 1.")
    form = _parameter("form", {"enum": list(FORMS)}, "What it is for: a spreadsheet, a program, a person.")
    files = {TYPES[name].partition(";")[0]: {"schema": {"type": "string"}} for name in FORMS}
    files[JSON] = _as(OwedJson)
    return {
        "/orgs/{org}": {
            "get": _reads("overview", "What is owed now, day after day, and each month before", [org], OverviewJson)
        },
        "/orgs/{org}/months/{month}": {
            "get": _reads("month", "What is owed for a month, line by line", [org, month], OwedJson)
        },
        "/orgs/{org}/months/{month}/lines/{line}": {
            "get": _reads(
                "line",
                "Why a line is what it is, down to its events",
                [org, month, line, {**since, "in": "query", "required": False}],
                LinePageJson,
            )
        },
        "/orgs/{org}/months/{month}/statement.{form}": {
            "get": _operation(
                "kept", "The statement of a month as a file", [org, month, form], {"200": _answer("The file.", files)}
            )
        },
        "/orgs/{org}/budgets": {
            "get": _reads("budgets", "The budgets of the running month", [org], BudgetsJson),
            "post": _sets_a_budget(org),
        },
    }


def _reads(name: str, summary: str, parameters: list[Document], shape: type) -> Document:
    content = {JSON: _as(shape), HTML: {"schema": {"type": "string"}}}
    return _operation(name, summary, parameters, {"200": _answer(f"{summary}.", content)})


def _sets_a_budget(org: Document) -> Document:
    taken = _answer("The budgets as they are now.", {JSON: _as(BudgetsJson)})
    refused = _answer("What was sent sets no budget; the message says why.", _refusal())
    operation = _operation("set_budget", "Sets a budget, changes it, or ends it", [org], {"200": taken, "422": refused})
    content = {JSON: {"schema": {"type": "object", "properties": BUDGET, "additionalProperties": False}}}
    return {**operation, "requestBody": {"required": True, "content": content}}


def _operation(name: str, summary: str, parameters: list[Document], answers: Document) -> Document:
    refusals = {status: _answer(words, _refusal(), waits=waits) for status, (words, waits) in REFUSALS.items()}
    return {
        "operationId": name,
        "summary": summary,
        "parameters": parameters,
        "responses": {**answers, **refusals},
    }


def _answer(words: str, content: Document, *, waits: bool = False) -> Document:
    seconds = {"Retry-After": {"required": True, "schema": {"type": "integer", "minimum": 1}}}
    return {"description": words, "content": content, **({"headers": seconds} if waits else {})}


def _refusal() -> Document:
    return {JSON: _as(RefusedJson), HTML: {"schema": {"type": "string"}}}


def _as(shape: type) -> Document:
    return {"schema": {"$ref": REF.format(model=shape.__name__)}}


def _parameter(name: str, schema: Document, words: str) -> Document:
    return {"name": name, "in": "path", "required": True, "description": words, "schema": schema}

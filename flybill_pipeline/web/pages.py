"""The addresses of the pages, and what each answers. Who may see what: `access.py`; what is shown: `views.py`.

The path names the organization, and only a link of that organization opens it: so a link of an invoice leads nobody to
another's month. Everything is read but for budgets, which can be set.
"""

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.words.sentence import Language, said, say
from flybill_pipeline.exports.forms import FORMS
from flybill_pipeline.questions.organizations import organizations
from flybill_pipeline.questions.owed import owed
from flybill_pipeline.steps.pricing.explain_lines import NoSuchLineError
from flybill_pipeline.stores.postgres.database import DatabaseError
from flybill_pipeline.stores.postgres.shortages import DATABASE_SHORT, shortage
from flybill_pipeline.toolbox.tools import Toolbox
from flybill_pipeline.web import data, views
from flybill_pipeline.web.access import Access, Refused
from flybill_pipeline.web.answers import JSON, file_answer, json_answer, text_answer, wants_json
from flybill_pipeline.web.budget_form import CHANGED, NotTakenError, keep_budget, read_fields, require_key, sent_body
from flybill_pipeline.web.guard import PathsAsSent, SafeHeaders
from flybill_pipeline.web.links import Links
from flybill_pipeline.web.looks import leads_to, page_of
from flybill_pipeline.web.openapi import document
from flybill_pipeline.web.reader import keep_choice, language_of
from flybill_pipeline.web.shown import Shown
from flybill_pipeline.web.turns import Turns

log = logging.getLogger(__name__)

RETRY_SECONDS = "30"
ORG = "/orgs/{org:path}"
MONTH = "/months/{month}"
MOST_AT_ONCE = 2
"""Pages of one organization."""
NOBODY = "-"
NOTHING_SENT: Mapping[str, str] = {}
LONGEST_NUMBER = 9
"""Of a line, in digits."""
NO_LINK = said("This page needs a link that holds. Yours is missing or has ended: please ask for a new one.")
NOT_NOW = said("This page cannot be shown at the moment. What you owe stands as it was. Please try again soon.")


def application(tools: Toolbox, links: Links, address: str) -> ASGIApp:
    """The application that a server runs. `address` is where customers reach it, such as https://billing.example."""
    reading = replace(tools, reads=True)  # else each of a page's queries would be four messages to the database
    pages = Pages(reading, tools, Access(tools, links, address))

    @asynccontextmanager
    async def closing(_app: Starlette) -> AsyncIterator[None]:
        await run_in_threadpool(warm, reading)
        yield
        reading.close()

    routes = [
        Route("/", pages.start),
        Route("/link/{token}", pages.open),
        Route("/openapi.json", described),
        Route(f"{ORG}{MONTH}/lines/{{line}}", pages.line),
        Route(f"{ORG}{MONTH}/statement.{{form}}", pages.kept),
        Route(f"{ORG}{MONTH}", pages.month),
        Route(f"{ORG}/budgets", pages.budgets, methods=["GET", "POST"]),
        Mount("/static", StaticFiles(packages=[("flybill_pipeline.web", "static")])),
        Route(ORG, pages.overview),
    ]
    handlers: Any = {404: pages.missing, 405: pages.unchangeable, 500: pages.broken}
    handlers |= dict.fromkeys((DATABASE_SHORT, DatabaseError), pages.short)
    app = Starlette(routes=routes, exception_handlers=handlers, lifespan=closing)
    app.router.redirect_slashes = False  # it would lead to whatever host the request names
    return SafeHeaders(PathsAsSent(app))  # outside, so that an answer to a failure has the headers too


def warm(tools: Toolbox) -> None:
    """Opens what every page reads, so that nobody who asks first waits for it; what fails will fail for them."""
    running = Month.of(tools.now())
    with suppress(Exception):
        tools.unread_lately()
        for month in (running.previous(), running):
            tools.usage.fingerprints(month, 0, [NOBODY])


async def described(_request: Request) -> Response:
    """What programs can ask; the same for everybody."""
    return json_answer(document())


class Pages:
    """What each address answers: from `tools`, which read; what is set goes to those that are `changing`."""

    def __init__(self, tools: Toolbox, changing: Toolbox, access: Access) -> None:
        self._tools, self._changing, self._access = tools, changing, access
        self._turns = Turns(MOST_AT_ONCE)
        self._shown = Shown(tools.settings.contact)

    async def start(self, request: Request) -> Response:
        """The page of the organization whose link is kept."""
        org = await self._access.org_of(request)
        return self._refused(request, org) if isinstance(org, Refused) else RedirectResponse(page_of(org), 303)

    async def open(self, request: Request) -> Response:
        """A link, as it was sent to somebody."""
        token = unquote(request.path_params["token"])
        link = await self._access.link_of(request, token)
        if isinstance(link, Refused):
            return self._refused(request, link)
        answer = RedirectResponse(page_of(link.org_id), 303)
        self._access.keep(answer, link, token)
        keep_choice(request, answer, secure=self._access.secure)
        return answer

    async def overview(self, request: Request) -> Response:
        """What is owed now, what it comes to day after day, and every month before."""

        def show(org: str) -> Response:
            values = views.overview(self._tools, org)
            language = language_of(request, values["owed"].org.language)
            if wants_json(request):
                return json_answer(data.overview(values, language))
            return self._shown.page("overview", values, language)

        return await self._answered(request, show)

    async def month(self, request: Request) -> Response:
        """The statement of a month, line by line; as JSON that of `flybill owes`."""

        def show(org: str, month: Month) -> Response:
            values = views.of_month(self._tools, org, month)
            language = language_of(request, values["owed"].org.language)
            if wants_json(request):
                return text_answer(FORMS["json"](values["owed"], language), JSON)
            return self._shown.page("month", values, language)

        return await self._answered_for_month(request, show)

    async def line(self, request: Request) -> Response:
        """Why a line is what it is."""

        def show(org: str, month: Month) -> Response:
            try:
                number, since = _number(request.path_params["line"]), _day(request.query_params.get("since"))
                values = views.of_line(self._tools, org, month, number, since)
            except (NoSuchLineError, views.NoSuchDayError):
                return self._nothing(request)
            if wants_json(request):
                return json_answer(data.line(values))
            return self._shown.page("line", values, self._language(request, org))

        return await self._answered_for_month(request, show)

    async def kept(self, request: Request) -> Response:
        """The statement of a month as a file to keep, in one of the forms of `flybill export`."""
        form = request.path_params["form"]

        def show(org: str, month: Month) -> Response:
            if form not in FORMS:
                return self._nothing(request)
            answer = owed(self._tools, org, month)
            text = FORMS[form](answer, language_of(request, answer.org.language))
            return file_answer(text, form, f"statement-{month}.{form}")

        return await self._answered_for_month(request, show)

    async def budgets(self, request: Request) -> Response:
        """The budgets of the running month, and a form to set one."""
        if request.method == "POST":
            return await self.set_budget(request)
        return await self._answered(request, partial(self._budgets, request))

    async def set_budget(self, request: Request) -> Response:
        """Sets a budget, or ends one; a form must come from a page of ours."""
        sent = await sent_body(request)

        def change(org: str) -> Response:
            fields: Mapping[str, str] = {}
            try:
                fields = read_fields(sent)
                require_key(fields, self._access.form_key(request, org))
                keep_budget(self._changing, org, fields)
            except NotTakenError as fault:
                return self._budgets(request, org, fields, fault)
            shown = f"{page_of(org)}/budgets?{CHANGED}=1"
            return self._budgets(request, org) if wants_json(request) else RedirectResponse(shown, 303)

        return await self._answered(request, change)

    def _budgets(
        self, request: Request, org: str, sent: Mapping[str, str] = NOTHING_SENT, fault: NotTakenError | None = None
    ) -> Response:
        if wants_json(request) and fault:
            language = self._language(request, org)
            return json_answer({"title": say(language, said("Not set")), "message": say(language, fault.why)}, 422)
        values = views.budgets(self._tools, org)
        if wants_json(request):
            return json_answer(data.budgets(values, self._language(request, org)))
        form = {
            "form_key": self._access.form_key(request, org),
            "sent": sent,
            "fault": fault and fault.why,
            "wrong": fault and fault.field,
            "changed": CHANGED in request.query_params,
        }
        return self._shown.page("budgets", {**values, **form}, self._language(request, org), 422 if fault else 200)

    async def missing(self, request: Request, _error: Exception) -> Response:
        """An address that no page has."""
        return self._nothing(request)

    async def unchangeable(self, request: Request, error: Exception) -> Response:
        """Anything that the address does not take, which is nearly always anything but looking."""
        answer = self._shown.sentence(
            request, said("Not possible"), said("The pages can be read, and nothing else."), 405
        )
        allowed = error.headers["Allow"] if isinstance(error, HTTPException) and error.headers else "GET, HEAD"
        answer.headers["Allow"] = ", ".join(sorted(allowed.split(", ")))
        return answer

    async def broken(self, request: Request, _error: Exception) -> Response:
        """A page that failed; what went wrong is for the log alone."""
        return self._not_available(request, 500)

    async def short(self, request: Request, error: Exception) -> Response:
        """The database does not answer, cannot go on, or is not as it was: one line in the log."""
        log.warning("A page could not be shown: %s", shortage(error) or error)
        answer = self._not_available(request, 503)
        answer.headers["Retry-After"] = RETRY_SECONDS
        return answer

    async def _answered(self, request: Request, show: Callable[[str], Response]) -> Response:
        """The page, for who holds a link of the organization that the path names."""
        org = await self._access.org_of(request, partial(leads_to, request.path_params["org"]))
        if isinstance(org, Refused):
            return self._refused(request, org)
        async with self._turns.of(org):  # else the pages of one organization could keep all others from theirs
            answer = await run_in_threadpool(show, org)
        keep_choice(request, answer, secure=self._access.secure)
        return answer

    async def _answered_for_month(self, request: Request, show: Callable[[str, Month], Response]) -> Response:
        try:
            month = Month.asked(request.path_params["month"])
        except ValueError:
            return await self._answered(request, lambda _: self._nothing(request))
        return await self._answered(request, lambda org: show(org, month))

    def _language(self, request: Request, org_id: str) -> Language:
        """The language in which the reader of an organization's page reads."""
        (org,) = organizations(self._tools, [org_id])
        return language_of(request, org.language)

    def _refused(self, request: Request, refused: Refused) -> Response:
        """The same answer whether an organization is there or not, and whatever is wrong with the link."""
        if not refused.wait:
            if not (wants_json(request) and self._access.shows_nothing(request)):
                return self._shown.sentence(request, said("No access"), NO_LINK, 403)
            answer = self._shown.sentence(request, said("No access"), NO_LINK, 401)
            answer.headers["WWW-Authenticate"] = "Bearer"
            return answer
        text = said("Please wait a minute, then load the page again.")
        answer = self._shown.sentence(request, said("Too many requests"), text, 429)
        answer.headers["Retry-After"] = str(refused.wait)
        return answer

    def _not_available(self, request: Request, status: int) -> Response:
        return self._shown.sentence(request, said("Not available"), NOT_NOW, status)

    def _nothing(self, request: Request) -> Response:
        return self._shown.sentence(request, said("Not found"), said("There is nothing at this address."), 404)


def _day(text: str | None) -> date | None:
    """The day that is asked for. Raises NoSuchDayError for what is no day."""
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise views.NoSuchDayError(text) from None


def _number(text: str) -> int:
    """The number of a line. Raises NoSuchLineError for what is no number, or one that no statement reaches."""
    if not (text.isascii() and text.isdecimal() and len(text) <= LONGEST_NUMBER):
        raise NoSuchLineError(text)
    return int(text)

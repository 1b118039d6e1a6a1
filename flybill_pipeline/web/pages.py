"""The addresses of the pages, and what each answers. Who may see what: `access.py`; what is shown: `views.py`.

The path names the organization, and only a link of that organization opens it: so a link of an invoice leads nobody to
another's month. Everything is read; nothing can be changed here.
"""

from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.exports.forms import FORMS
from flybill_pipeline.questions.owed import owed
from flybill_pipeline.steps.pricing.explain_lines import NoSuchLineError
from flybill_pipeline.toolbox.tools import Toolbox
from flybill_pipeline.web import data, views
from flybill_pipeline.web.access import Access, Refused
from flybill_pipeline.web.answers import JSON, file_answer, json_answer, text_answer, wants_json
from flybill_pipeline.web.guard import SafeHeaders
from flybill_pipeline.web.links import Links
from flybill_pipeline.web.looks import environment, page_of

ORG = "/orgs/{org:path}"
MONTH = "/months/{month}"


def application(tools: Toolbox, links: Links, address: str) -> Starlette:
    """The application that a server runs. `address` is where customers reach it, such as https://billing.example."""
    pages = Pages(tools, Access(tools, links, address))
    routes = [
        Route("/", pages.start),
        Route("/link/{token}", pages.open),
        Route(f"{ORG}{MONTH}/lines/{{line:int}}", pages.line),
        Route(f"{ORG}{MONTH}/statement.{{form}}", pages.kept),
        Route(f"{ORG}{MONTH}", pages.month),
        Mount("/static", StaticFiles(packages=[("flybill_pipeline.web", "static")])),
        Route(ORG, pages.overview),
    ]
    handlers: Any = {404: pages.missing, 500: pages.broken}
    return Starlette(routes=routes, middleware=[Middleware(SafeHeaders)], exception_handlers=handlers)


class Pages:
    """What each address answers."""

    def __init__(self, tools: Toolbox, access: Access) -> None:
        self._tools, self._access = tools, access
        self._templates = environment()

    async def start(self, request: Request) -> Response:
        """The page of the organization whose link is kept."""
        org = await self._access.org_of(request)
        return self._refused(org) if isinstance(org, Refused) else RedirectResponse(page_of(org), 303)

    async def open(self, request: Request) -> Response:
        """A link, as it was sent to somebody."""
        token = request.path_params["token"]
        org = await self._access.org_of_token(request, token)
        if isinstance(org, Refused):
            return self._refused(org)
        answer = RedirectResponse(page_of(org), 303)
        self._access.keep(answer, token)
        return answer

    async def overview(self, request: Request) -> Response:
        """What is owed now, what it comes to day after day, and every month before."""

        def show(org: str) -> Response:
            values = views.overview(self._tools, org)
            return json_answer(data.overview(values)) if wants_json(request) else self._page("overview", values)

        return await self._answered(request, show)

    async def month(self, request: Request) -> Response:
        """The statement of a month, line by line; as JSON that of `flybill owes`."""

        def show(org: str, month: Month) -> Response:
            values = views.of_month(self._tools, org, month)
            return (
                text_answer(FORMS["json"](values["owed"]), JSON) if wants_json(request) else self._page("month", values)
            )

        return await self._answered_for_month(request, show)

    async def line(self, request: Request) -> Response:
        """Why a line is what it is."""

        def show(org: str, month: Month) -> Response:
            try:
                values = views.of_line(self._tools, org, month, request.path_params["line"])
            except NoSuchLineError:
                return self._nothing()
            return json_answer(data.line(values)) if wants_json(request) else self._page("line", values)

        return await self._answered_for_month(request, show)

    async def kept(self, request: Request) -> Response:
        """The statement of a month as a file to keep, in one of the forms of `flybill export`."""
        form = request.path_params["form"]

        def show(org: str, month: Month) -> Response:
            if form not in FORMS:
                return self._nothing()
            return file_answer(FORMS[form](owed(self._tools, org, month)), form, f"statement-{month}.{form}")

        return await self._answered_for_month(request, show)

    async def missing(self, _request: Request, _error: Exception) -> Response:
        """An address that no page has."""
        return self._nothing()

    async def broken(self, _request: Request, _error: Exception) -> Response:
        """A page that failed; what went wrong is for the log alone."""
        text = "This page cannot be shown at the moment. What you owe stands as it was. Please try again soon."
        return self._sentence("Not available", text, 500)

    async def _answered(self, request: Request, show: Callable[[str], Response]) -> Response:
        """The page, for who holds a link of the organization that the path names."""
        org = await self._access.org_of(request)
        if isinstance(org, Refused):
            return self._refused(org)
        if org != request.path_params["org"]:
            return self._refused(Refused(0))
        return await run_in_threadpool(show, org)

    async def _answered_for_month(self, request: Request, show: Callable[[str, Month], Response]) -> Response:
        try:
            month = Month.parse(request.path_params["month"])
        except ValueError:
            return await self._answered(request, lambda _: self._nothing())
        return await self._answered(request, lambda org: show(org, month))

    def _refused(self, refused: Refused) -> Response:
        """The same answer whether an organization is there or not, and whatever is wrong with the link."""
        if not refused.wait:
            text = "This page needs a link that holds. Yours is missing or has ended: please ask for a new one."
            return self._sentence("No access", text, 403)
        answer = self._sentence("Too many requests", "Please wait a minute, then load the page again.", 429)
        answer.headers["Retry-After"] = str(refused.wait)
        return answer

    def _nothing(self) -> Response:
        return self._sentence("Not found", "There is nothing at this address.", 404)

    def _sentence(self, title: str, text: str, status: int) -> Response:
        return self._page("sentence", {"title": title, "text": text}, status)

    def _page(self, template: str, values: views.Values, status: int = 200) -> Response:
        return HTMLResponse(self._templates.get_template(f"{template}.html.j2").render(values), status)

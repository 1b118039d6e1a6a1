"""Who asks, and whether they may: a link is kept in a cookie, or sent as a bearer token. What is shown: `views.py`."""

from dataclasses import dataclass
from time import monotonic_ns
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from flybill_pipeline.toolbox.tools import Toolbox
from flybill_pipeline.web.links import Links
from flybill_pipeline.web.pace import Pace

COOKIE = "flybill_link"
REQUESTS, FAILURES, WINDOW_SECONDS = 120, 30, 60
"""In a window: of one organization, and of one address with links that do not hold."""


@dataclass(frozen=True, slots=True)
class Refused:
    """No answer for now. `wait`: the seconds after which one may ask again; 0 when waiting does not help."""

    wait: int


class Access:
    """Tells whose pages a request may see. `address` is where customers reach the pages."""

    def __init__(self, tools: Toolbox, links: Links, address: str) -> None:
        self._tools, self._links = tools, links
        self._secure = urlsplit(address).scheme == "https"
        self._of_orgs = Pace(REQUESTS, WINDOW_SECONDS, monotonic_ns)
        self._of_strangers = Pace(FAILURES, WINDOW_SECONDS, monotonic_ns)

    async def org_of(self, request: Request) -> str | Refused:
        """The organization whose link comes with the request."""
        return await self.org_of_token(request, _token(request))

    async def org_of_token(self, request: Request, token: str) -> str | Refused:
        """The organization that the token is for, and whose turn it is."""
        org = await run_in_threadpool(self._links.org_of, token, self._tools.now())
        if org is None:
            return Refused(self._of_strangers.wait(request.client.host if request.client else ""))
        wait = self._of_orgs.wait(org)
        return Refused(wait) if wait else org

    def keep(self, answer: Response, token: str) -> None:
        """Lets the browser keep the link, so that it need not stand in the address of every page."""
        answer.set_cookie(COOKIE, token, httponly=True, samesite="lax", secure=self._secure)


def _token(request: Request) -> str:
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    return bearer if scheme.lower() == "bearer" else request.cookies.get(COOKIE, "")

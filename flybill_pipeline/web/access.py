"""Who asks, and whether they may: a link is kept in a cookie, or sent as a bearer token. What is shown: `views.py`."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from time import monotonic_ns
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from flybill_pipeline.stores.payments.page_links import PageLink
from flybill_pipeline.toolbox.tools import Toolbox
from flybill_pipeline.web.links import Links
from flybill_pipeline.web.pace import Pace

COOKIE = "flybill_link_"
"""What the names of our cookies begin with: each organization has one, so that a browser can hold several."""
MOST_COOKIES = 20
"""That are looked at; a browser that has more was given some by others."""
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
        self.secure = urlsplit(address).scheme == "https"
        self._of_orgs = Pace(REQUESTS, WINDOW_SECONDS, monotonic_ns)
        self._of_strangers = Pace(FAILURES, WINDOW_SECONDS, monotonic_ns)

    async def org_of(self, request: Request, wanted: Callable[[str], bool] = lambda _org: True) -> str | Refused:
        """The organization whose link comes with the request; of several, the first that is `wanted`."""
        links = [await self._link(token) for token in _tokens(request)]
        held = [link for link in links if link is not None]
        link = self._answer(request, next((each for each in held if wanted(each.org_id)), None), stranger=not held)
        return link if isinstance(link, Refused) else link.org_id

    def form_key(self, request: Request, org_id: str) -> str:
        """What a form on a page of the organization must send back; "" for a program, which has no cookie to abuse."""
        held = () if _bearer(request) else _tokens(request)
        found = ((token, self._links.find(token, self._tools.now())) for token in held)
        return next((self._links.form_key(token) for token, link in found if link and link.org_id == org_id), "")

    async def link_of(self, request: Request, token: str) -> PageLink | Refused:
        """The link that the token is of, when it is the turn of its organization."""
        return self._answer(request, await self._link(token), stranger=True)

    def shows_nothing(self, request: Request) -> bool:
        """Whether no link came with the request at all, be it one that holds or not."""
        return not any(_tokens(request))

    def keep(self, answer: Response, link: PageLink, token: str) -> None:
        """Lets the browser keep the link until it ends, so that it need not stand in the address of every page."""
        name = COOKIE + hashlib.sha256(link.org_id.encode()).hexdigest()[:16]
        seconds = (link.expires_at - self._tools.now()) // timedelta(seconds=1)
        answer.set_cookie(name, token, max_age=seconds, httponly=True, samesite="lax", secure=self.secure)

    async def _link(self, token: str) -> PageLink | None:
        return await run_in_threadpool(self._links.find, token, self._tools.now())

    def _answer(self, request: Request, link: PageLink | None, *, stranger: bool) -> PageLink | Refused:
        """Strangers are counted by where they come from, others by their organization."""
        if link is not None:
            wait = self._of_orgs.wait(link.org_id)
            return Refused(wait) if wait else link
        return Refused(self._of_strangers.wait(request.client.host if request.client else "") if stranger else 0)


def _tokens(request: Request) -> Iterator[str]:
    if bearer := _bearer(request):
        yield bearer
    else:
        kept = (token for name, token in request.cookies.items() if name.startswith(COOKIE))
        yield from islice(kept, MOST_COOKIES)


def _bearer(request: Request) -> str:
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    return bearer if scheme.lower() == "bearer" else ""

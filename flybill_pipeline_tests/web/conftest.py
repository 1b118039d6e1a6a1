"""The pages over real HTTP: an organization with a closed month and a running one, and another that must not see it."""

import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import uvicorn

from flybill_pipeline.billing.invoicing.terms import EVER
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.toolbox.tools import Toolbox
from flybill_pipeline.web.links import Links
from flybill_pipeline.web.pages import application
from flybill_pipeline.web.server import configured
from flybill_pipeline_tests.questions.conftest import home, made_home, toolbox_at
from flybill_pipeline_tests.worlds.databases import Databases
from flybill_pipeline_tests.worlds.organizations import org_row
from flybill_pipeline_tests.worlds.site import Site

__all__ = ["home"]

MONTH = Month(2025, 10)
BEGAN = datetime(2025, 11, 3, 6, tzinfo=UTC)
SECRET = "of the tests alone, and long enough for that"
HOSTILE = "<script>alert('1')</script> & \"Söhne\" {{ 7 * 7 }}"


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Redirects are answers like others."""

    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    text: str


class Browser:
    """Asks a server; `headers` go with everything."""

    def __init__(self, port: int, headers: Mapping[str, str] | None = None) -> None:
        self.port, self.headers = port, dict(headers or {})
        self._opener = urllib.request.build_opener(NoRedirect)

    def get(self, path: str, *, method: str = "GET", **headers: str) -> Answer:
        """The answer at a path, which is sent as it stands."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", headers={**self.headers, **headers}, method=method
        )
        try:
            with self._opener.open(request, timeout=30) as answer:
                return Answer(answer.status, dict(answer.headers.items()), answer.read().decode())
        except urllib.error.HTTPError as error:
            return Answer(error.code, dict(error.headers.items()), error.read().decode())


@dataclass
class Served:
    """The pages, and who may look at them. The one moment of `clock` is what they take for now."""

    site: Site
    links: Links
    port: int
    clock: list[datetime]

    def holding(self, token: str) -> Browser:
        """A browser that has opened the link."""
        opened = Browser(self.port).get(f"/link/{token}")
        return Browser(self.port, {"Cookie": opened.headers["set-cookie"].partition(";")[0]})

    def browser(self, org_id: str) -> Browser:
        """A browser of a developer of the organization."""
        return self.holding(self.links.make(org_id, 30, self.site.tools.now()))


@contextmanager
def serving(tools: Toolbox, links: Links, address: str = "http://127.0.0.1") -> Iterator[int]:
    """The pages on a port of their own."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(configured(application(tools, links, address), 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


@dataclass
class Closed:
    """October is closed with $13.00, November has $2.00 so far; `<other>` has nothing, and an odd name."""

    site: Site
    clock: list[datetime]


@pytest.fixture(scope="module")
def closed(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closed]:
    """Made once for a file: pages only read. What changes it stands in a file of its own."""
    clock = [BEGAN]
    with databases.lent() as engine, toolbox_at(engine, made_home(tmp_path_factory.mktemp("home"))) as tools:
        site = Site(replace(tools, now=lambda: clock[0]), MONTH, BEGAN)
        site.tools.organizations.save([org_row("<other>", name=HOSTILE)], EVER)
        for number in (0, 2, 3):
            site.land(number, BEGAN - timedelta(days=1), day=f"2025-10-{5 + number:02d}")
        site.land(1, BEGAN - timedelta(days=1), day="2025-11-04")
        clock[0] = BEGAN + timedelta(days=3)
        site.bring_in()
        site.price()
        site.finalize()
        yield Closed(site, clock)


@pytest.fixture
def served(closed: Closed) -> Iterator[Served]:
    """The pages of the closed month, three days after its close began; nobody has a link yet."""
    closed.clock[0] = BEGAN + timedelta(days=3)
    tools = closed.site.tools
    links = Links(tools.page_links, SECRET)
    links.revoke("acme", closed.clock[0])
    with serving(tools, links) as port:
        yield Served(closed.site, links, port, closed.clock)

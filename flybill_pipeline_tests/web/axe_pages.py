"""Every page in a real browser, as axe judges it: light and dark, on a phone and a desktop; and pictures of them.

    python -m flybill_pipeline_tests.web.axe_pages LINK FOLDER

LINK is what `flybill link ORG` prints while `flybill web` runs. It needs Chromium, and the packages playwright and
axe-playwright-python, which are no dependencies. Nothing is downloaded. No assertions here.
"""

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

CHROMIUM = Path("/usr/bin/chromium")
SIZES = {"phone": {"width": 360, "height": 740}, "desktop": {"width": 1280, "height": 900}}
SCHEMES = ("light", "dark")
MONTH, LINE, BUDGETS, FILE = (
    'a[href*="/months/"]',
    'a[href*="/lines/"]',
    'a[href$="/budgets"]',
    'a[href$="statement.html"]',
)


def missing() -> str | None:
    """What keeps it from being tried here, as a sentence; None when nothing does."""
    lacking = [name for name in ("playwright", "axe_playwright_python") if find_spec(name) is None]
    if lacking or not CHROMIUM.exists():
        return f"{', '.join(lacking) or CHROMIUM} is not here: install it to try the pages in a browser"
    return None


def faults(link: str, folder: Path) -> Iterator[str]:
    """What axe finds wrong, a sentence each; pictures are left in the folder."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        for scheme in SCHEMES:
            for size, viewport in SIZES.items():
                # axe is run in the page, which runs no script of others.
                context = browser.new_context(viewport=viewport, color_scheme=scheme, bypass_csp=True)
                yield from _pages(context.new_page(), link, folder, f"{scheme}-{size}")
                context.close()
        browser.close()


def _pages(page: Any, link: str, folder: Path, named: str) -> Iterator[str]:
    page.goto(link)
    addresses = {"overview": page.url}
    for name, found in {"month": MONTH, "budgets": BUDGETS}.items():
        addresses[name] = urljoin(page.url, page.get_attribute(found, "href"))
    page.goto(addresses["month"])
    addresses["line"] = urljoin(page.url, page.get_attribute(LINE, "href"))
    kept = folder / "statement.html"
    kept.write_bytes(page.request.get(urljoin(page.url, page.get_attribute(FILE, "href"))).body())
    addresses |= {"file": kept.as_uri(), "refused": urljoin(link, "/orgs/nobody")}
    for name, address in addresses.items():
        page.goto(address)
        for details in page.query_selector_all("details"):
            details.evaluate("each => { each.open = true }")
        yield from (f"{named} {name}: {fault}" for fault in _judged(page))
        _pictures(page, folder / f"{named}-{name}")


def _judged(page: Any) -> Iterator[str]:
    from axe_playwright_python.sync_playwright import Axe

    for violation in Axe().run(page).response["violations"]:
        for node in violation["nodes"]:
            yield f"{violation['id']}: {violation['help']}: {node['html'][:200]}"
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if wide > 0:
        yield f"the page is {wide} pixels wider than the screen"


def _pictures(page: Any, path: Path) -> None:
    """As it is, at 200 %, and without styles."""
    page.screenshot(path=f"{path}.png", full_page=True)
    whole = page.viewport_size
    page.set_viewport_size({"width": whole["width"] // 2, "height": whole["height"] // 2})
    page.screenshot(path=f"{path}-200.png", full_page=True)
    page.set_viewport_size(whole)
    page.evaluate("document.querySelectorAll('link[rel=stylesheet], style').forEach(each => each.remove())")
    page.screenshot(path=f"{path}-plain.png", full_page=True)


def main() -> None:
    """Says what is wrong; ends with 1 when anything is."""
    link, folder = sys.argv[1], Path(sys.argv[2]).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    found = [sentence] if (sentence := missing()) else list(faults(link, folder))
    sys.stdout.write("".join(f"{each}\n" for each in found or ["Nothing is wrong."]))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()

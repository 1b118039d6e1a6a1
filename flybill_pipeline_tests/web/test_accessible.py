"""The pages in a real browser, where there is one and axe: nothing is wrong for who sees, hears or types otherwise."""

from pathlib import Path

import pytest

from flybill_pipeline_tests.web.axe_pages import faults, missing
from flybill_pipeline_tests.web.conftest import Served


@pytest.mark.skipif(missing() is not None, reason=missing() or "")
def test_axe_finds_nothing_on_any_page(served: Served, tmp_path: Path) -> None:
    token = served.links.make("acme", 30, served.site.tools.now())
    assert list(faults(f"http://127.0.0.1:{served.port}/link/{token}", tmp_path)) == []

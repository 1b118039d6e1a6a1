"""`flybill link`: its last line opens the pages of one organization, until it is taken back."""

from pathlib import Path

import click
import pytest

from flybill_pipeline.cli.commands import flybill
from flybill_pipeline.cli.render import screen
from flybill_pipeline.questions.organizations import UnknownOrganizationError
from flybill_pipeline.settings import SettingsError
from flybill_pipeline.web.links import KEPT_IN, Links, home_secret
from flybill_pipeline_tests.web.conftest import Browser, Served, serving


def test_its_last_line_opens_the_pages_until_it_is_taken_back(
    served: Served, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tools = served.site.tools
    database = tools.engine.url.render_as_string(hide_password=False)
    for name, value in {"HOME": str(home), "DATABASE_URL": database, "WEB_URL": "https://billing.example"}.items():
        monkeypatch.setenv(f"FLYBILL_{name}", value)
    said = typed(capsys, "link", "acme", "--days", "3650")
    said = typed(capsys, "link", "acme", "--days", "300")
    assert said[0] == "Whoever has this link sees what acme owes, for 300 days; --revoke ends it before."
    address, _, path = said[-1].partition("/link/")
    assert address == "https://billing.example"
    with serving(tools, Links(tools.page_links, home_secret(home))) as port:
        assert Browser(port).get(f"/link/{path}").status == 303
        assert typed(capsys, "link", "acme", "--revoke") == ["1 link ended."]
        assert Browser(port).get(f"/link/{path}").status == 403
    with pytest.raises(UnknownOrganizationError):
        typed(capsys, "link", "nobody")


def typed(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    """The lines that a command prints."""
    try:
        flybill(words, standalone_mode=False)
    except click.UsageError as error:
        return [error.format_message()]
    screen.hand_over()
    return capsys.readouterr().out.splitlines()


def test_the_secret_of_a_home_is_made_once_and_is_ours_alone(tmp_path: Path) -> None:
    secret = home_secret(tmp_path)
    assert len(secret) >= 32
    assert home_secret(tmp_path) == secret
    assert (tmp_path / KEPT_IN).stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == [KEPT_IN]


def test_nobody_signs_with_a_secret_that_is_not_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one process makes the secret, another looks: it waits for nothing, and both have the same one."""
    seen: list[str] = []

    def meanwhile(_: int) -> str:
        monkeypatch.undo()
        seen.append(home_secret(tmp_path))
        return "too late, and long enough to be a secret"

    monkeypatch.setattr("secrets.token_urlsafe", meanwhile)
    assert [home_secret(tmp_path)] == seen
    (tmp_path / KEPT_IN).write_text("")
    with pytest.raises(SettingsError, match="remove it"):
        home_secret(tmp_path)

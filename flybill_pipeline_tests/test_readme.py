"""README and the pages that it leads to say what is there: commands, make targets, assets, checks, variables, files.

That they can be read is test_prose's.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import takewhile
from pathlib import Path

import click
import pytest

from flybill_pipeline.cli.commands import flybill
from flybill_pipeline.definitions import build_defs
from flybill_pipeline.settings import as_environment, load_settings
from flybill_pipeline.stores.invoicing import items_file, organizations_file
from flybill_pipeline_tests.conftest import PROJECT
from flybill_pipeline_tests.docs.pages import PAGES, named, text_of
from flybill_pipeline_tests.worlds.codes import HOLD_MAKERS, codes

README = text_of("README.md")
COMMANDS, FLOW = text_of("docs/commands.md"), text_of("docs/how-usage-becomes-money.md")
OPERATIONS = text_of("docs/operations.md")
IMPORTS = text_of("docs/organizations-and-items.md")
CONFIGURATION = text_of("docs/configuration.md")
ALL = text_of(*map(named, PAGES))
VARIABLES = sorted(set(re.findall(r"^\| `([A-Z_]+)[`=]", CONFIGURATION, re.MULTILINE)))


def test_every_command_that_is_shown_exists_with_its_options() -> None:
    shown = re.findall(r"^(?:\$ )?(?:\.venv/bin/)?flybill ([a-z-]+)(.*)$", README + COMMANDS + OPERATIONS, re.MULTILINE)
    shown += re.findall(r"`flybill ([a-z-]+)([^`]*)`", ALL)
    assert len(shown) >= 7
    for name, rest in shown:
        command = flybill.commands[name]
        if isinstance(command, click.Group) and rest.split():
            command = command.commands[rest.split()[0]]
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", rest.split("#")[0])) <= known, name


def test_every_command_is_shown() -> None:
    assert [name for name in flybill.commands if f"flybill {name}" not in ALL and f"make {name}" not in ALL] == []


def test_a_person_finds_every_command_on_one_page_and_the_readme_on_one_screen() -> None:
    assert [name for name in flybill.commands if f"\nflybill {name} " not in COMMANDS] == []
    assert len(README.splitlines()) <= 70


def test_every_make_target_that_is_shown_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z]+)", ALL, re.MULTILINE)) <= targets


def test_the_flow_names_every_asset_and_the_runbook_every_check() -> None:
    graph = build_defs(load_settings({})).resolve_asset_graph()
    assert [key for key in graph.get_all_asset_keys() if key.to_user_string() not in FLOW] == []
    assert "landed_files ─► raw_usage ─► daily_usage ─► monthly_line_items" in FLOW
    assert [check.name for check in graph.asset_check_keys if f"`{check.name}`" not in OPERATIONS] == []


def test_the_operator_is_told_everything_that_runs_by_itself() -> None:
    repository = build_defs(load_settings({})).get_repository_def()
    schedules, sensors = repository.schedule_defs, repository.sensor_defs
    running = {schedule.name for schedule in schedules} | {sensor.name for sensor in sensors}
    table = OPERATIONS[: OPERATIONS.index("## Runbook")]
    assert set(re.findall(r"^\| `([a-z_]+)` \|", table, re.MULTILINE)) == running


class Asked(Mapping[str, str]):
    """An environment without variables that remembers which ones it was asked for."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def test_every_variable_that_is_read_is_told_and_no_other() -> None:
    asked = Asked()
    load_settings(asked)
    assert set(VARIABLES) == asked.names
    mentioned = set(re.findall(r"\b(?:FLYBILL|STRIPE)_[A-Z_]+\b", README + OPERATIONS + CONFIGURATION))
    assert mentioned <= asked.names


VALUES = {
    "FLYBILL_DATABASE_URL": "postgresql://db/billing",
    "FLYBILL_DAGSTER_DATABASE_URL": "postgresql://db/dagster",
    "FLYBILL_LAKE_CATALOG": "off",
    "FLYBILL_UI_URL": "https://dagster.example",
    "FLYBILL_CODE_URL": "https://code.example/you/flybill/tree/main",
    "FLYBILL_ALERT_EMAIL_TO": "ops@example.com",
    "FLYBILL_ALERT_EMAIL_FROM": "billing@example.com",
    "STRIPE_API_KEY": "sk_test_1",
    "STRIPE_API_BASE": "http://127.0.0.1:12111",
    "FLYBILL_SHARDS": "3",
    "FLYBILL_STRIPE_NUMBERS": "stripe",
    "FLYBILL_STRIPE_TAX_BEHAVIOR": "inclusive",
    "FLYBILL_STATEMENT_URL": "https://cloud.example/{org}/{month}",
    "FLYBILL_FIRST_MONTH": "2025-05",
    "FLYBILL_ALERT_WEBHOOK_URL": "https://hooks.example",
    "FLYBILL_SMTP_URL": "smtp://mail.example",
    "FLYBILL_WEB_URL": "https://billing.example",
    "FLYBILL_CONTACT": "billing@cloud.example",
    "FLYBILL_EVENTS_URL": "https://cloud.example/events",
    "FLYBILL_EVENTS_SECRET": f"whsec_{'aHVz' * 8}",
    "FLYBILL_LINK_SECRET": "0123456789abcdef0123456789abcdef",
    "FLYBILL_USAGE_ENGINE": "clickhouse",
    "FLYBILL_USAGE_ENGINE_URL": "clickhouse://warehouse.example:8123",
}


NEEDED_BESIDE = {
    "FLYBILL_ALERT_EMAIL_TO": "FLYBILL_SMTP_URL",
    "FLYBILL_CUSTOMER_MAIL": "FLYBILL_SMTP_URL",
    "FLYBILL_EVENTS_URL": "FLYBILL_EVENTS_SECRET",
    "FLYBILL_EVENTS_SECRET": "FLYBILL_EVENTS_URL",
    "FLYBILL_USAGE_ENGINE": "FLYBILL_USAGE_ENGINE_URL",
    "FLYBILL_USAGE_ENGINE_URL": "FLYBILL_USAGE_ENGINE",
}
"""What goes together."""


@pytest.mark.parametrize("variable", sorted(set(VARIABLES)))
def test_every_variable_that_is_told_is_used(variable: str) -> None:
    other = NEEDED_BESIDE.get(variable)
    beside = {other: VALUES[other]} if other else {}
    settings = load_settings({variable: VALUES.get(variable, "1"), **beside})
    without = load_settings({name: text for name, text in beside.items() if name == "FLYBILL_SMTP_URL"})
    assert settings != without, f"{variable} changes nothing"
    assert as_environment(settings)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_files_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text()
    shown = set(re.findall(r"`([\w./-]+/[\w.-]+\.(?:py|toml|md|svg|png|yaml))`", text))
    roots = (PROJECT, PROJECT / "flybill_pipeline", PROJECT / "flybill_pipeline_tests")
    chosen = {path for path in shown if re.search(r"(?<!\w)[A-Z]{4,}\.py|[A-Z]{4,}/", path)}  # see test_contributing
    assert [path for path in shown - chosen if not any((root / path).exists() for root in roots)] == []
    linked = set(re.findall(r"\]\((?!https?:|#)([^)#]+)", text))
    assert [path for path in linked if not (page.parent / path).exists()] == []


def test_what_a_page_says_is_in_a_file_is_there() -> None:
    shown = set(re.findall(r"`(\w+)`\s+\(`([\w/]+\.py)`\)", ALL))
    assert len(shown) >= 5
    for name, path in shown:
        source = (PROJECT / "flybill_pipeline" / path).read_text()
        assert re.search(rf"^\s*(?:def|class) {name}\b", source, re.MULTILINE), f"{name} is not in {path}"


def test_the_runbook_has_every_reason_to_hold_a_month() -> None:
    made = codes(HOLD_MAKERS, ".")
    assert made >= {"unknown_org", "currency_clash", "unusual_total", "unpriced_meter"}
    assert [code for code in sorted(made) if f"`{code}`" not in OPERATIONS] == []


def table_after(text: str) -> list[list[str]]:
    """The rows of the first table after `text` in the page of imports, cell by cell, the names in each cell only."""
    lines = IMPORTS[IMPORTS.index(text) :].splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("|")) + 2
    rows = takewhile(lambda line: line.startswith("|"), lines[first:])
    return [[",".join(re.findall(r"`(\w+)`", cell)) for cell in row.strip("|").split("|")] for row in rows]


def test_the_columns_of_imported_files_are_told() -> None:
    told = ",".join(row[0] for row in table_after("`flybill import-orgs`, one row")).split(",")
    assert told == list(organizations_file.READERS)
    items = {kind: (must, may) for kind, must, may in table_after("`flybill import-items`, one row")}
    assert items == {kind: (",".join(must), ",".join(may)) for kind, (must, may) in items_file.KINDS.items()}
    assert all(f"`{name}`" in IMPORTS for name in items_file.COMMON)

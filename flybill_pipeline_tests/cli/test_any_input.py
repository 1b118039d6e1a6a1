"""No input of an operator ends in a traceback: each command with odd values, for each thing that it takes.

Jobs and servers are not run: what they are asked with is looked at before.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from sqlalchemy import Engine

from flybill_pipeline.settings import Settings
from flybill_pipeline.toolbox.wiring import build_toolbox
from flybill_pipeline_tests.cli.every_command import COMMANDS
from flybill_pipeline_tests.cli.test_wrong_settings import ARGUMENTS
from flybill_pipeline_tests.worlds.deployment import Flybill, Ran

TEXTS = (
    "",
    " ",
    "\x1b[2J",
    "\udcff",
    "x" * 20_000,
    "'; --",
    "../..",
    "%s{0}",
    "-1",
    "\u0663",
    "\u202e",
    "=1+1",
    "a\nb",
)
NUMBERS = ("0", "-1", "1.5", "NaN", "1e500", "9" * 30, "9" * 5000, str(2**31), str(2**63), "\u0663", "0x10", "1_0")
MONTHS = (
    "0001-01",
    "9999-12",
    "0000-00",
    "2026-13",
    "2026-1",
    "2026-10-01",
    "99999-01",
    "\u0662\u0660\u0662\u0666-10",
    "-1",
)
MOMENTS = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2026-10-31", "2026-10-31T23:00:00Z", "now")
DAYS = ("0001-01-01", "9999-12-31", "2026-02-30", "-1")
PATHS = ("", ".", "/dev/null", "/proc/self/mem", "/proc/nope/x", "x" * 300, "a\nb", "\udcff", "~", "pipe")
CONTENTS = (
    b"", b"\xef\xbb\xbf", b"\x00", b"\xff\xfe\x00o", b'"', b"{}", b"[]", b"[1]", b"null", b"[" * 5000, b"org_id\n",
    b"[{}]",
    b"org_id,name,currency\n\x00,A,usd\n", b"org_id,name,currency\n" + b"a" * 9000 + b",A,usd\n",
    b"org_id,name,currency,contract,contract_from\na,A,usd,acme,0001-01-01T00:00:00+14:00\n",
    b"org_id,name,currency,currency_from\na,A,usd,9999-12-01\n", b"org_id;name;currency\na;A;usd\n",
    b"item_id,kind,org_id,name,amount,currency,start\ni,subscription,a,A,1e500,usd,2026-10-01\n",
    b"item_id,kind,org_id,name,amount,currency,month\ni,one_off,a,\x00,1,usd,9999-12\n",
    b'[{"item_id":"\\ud800","kind":"credit","org_id":"a","name":"A","amount":1,"currency":"usd","start":"2026-10-01"}]',
    b'[{"item_id":1,"kind":[],"org_id":{},"name":null}]', b'{"id":"\\u0000","org":1e999,"gb":"x","ts":9e99}\n',
)  # fmt: skip


def odd_values(parameter: click.Parameter) -> tuple[str, ...]:
    """What somebody might give for it."""
    match type(parameter.type).__name__:
        case "MonthType":
            return MONTHS
        case "MomentType":
            return MOMENTS
        case "DateTime":
            return DAYS
        case "Path":
            return PATHS
        case "StringParamType" | "Choice":
            return (*TEXTS, *NUMBERS[:6]) if parameter.name in ("quantity", "amount") else TEXTS
        case "BoolParamType":
            return ()
        case _:
            return NUMBERS


def asked(typed: str, parameter: click.Parameter, value: str) -> list[str]:
    """The command with the value in the place of what it usually has."""
    arguments = list(ARGUMENTS.get(typed, ("world",) if typed == "init" else ()))
    positions = [each for each in COMMANDS[typed].params if isinstance(each, click.Argument)]
    if parameter in positions:
        arguments[positions.index(parameter)] = value
    else:
        arguments += [parameter.opts[0], value]
    return [*typed.split(), *arguments]


@pytest.fixture
def flybill(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Flybill:
    """A deployment in which no job is run and nothing is served."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")  # nobody will ever write to it
    monkeypatch.setattr("flybill_pipeline.operating.runs.runner", idle)
    for server in ("serving.up._serve", "serving.webhooks.serve", "web.server.serve"):
        monkeypatch.setattr(f"flybill_pipeline.{server}", lambda *_, **__: 0)
    monkeypatch.setattr("flybill_pipeline.serving.up.watched", lambda *_: nullcontext())
    monkeypatch.setattr("flybill_pipeline.operating.backups.back_up", lambda *_: "")
    monkeypatch.setattr("flybill_pipeline.operating.backups.restore", lambda *_: "")
    monkeypatch.setattr(os, "execv", lambda *_: None)
    url = engine.url.render_as_string(hide_password=False)
    return Flybill(
        tmp_path,
        {
            "FLYBILL_HOME": str(tmp_path / "home"),
            "FLYBILL_DATABASE_URL": url,
            "FLYBILL_DAGSTER_DATABASE_URL": url,
            "STRIPE_API_BASE": "http://127.0.0.1:9",
            "STRIPE_API_KEY": "sk_test_x",
            "STRIPE_WEBHOOK_SECRET": "whsec_x",
        },
    )


@contextmanager
def idle(settings: Settings) -> Iterator[Any]:
    """What runs Dagster's jobs, without running any."""
    names = ("ingest", "close", "repair", "reconcile", "read_payments")
    tools = build_toolbox(settings)
    yield SimpleNamespace(toolbox=tools, failed=[], **{name: lambda *_: None for name in names})
    tools.close()


def fault(ran: Ran) -> str | None:
    """What is wrong with how a command ended."""
    if "Traceback" in ran.err:
        return ran.err.strip().splitlines()[-1]
    return None if ran.status in (0, 1, 2) else f"ended with {ran.status}"


@pytest.mark.parametrize("typed", COMMANDS)
def test_no_value_of_an_argument_or_option_ends_in_a_traceback(flybill: Flybill, typed: str) -> None:
    found = {
        f"{parameter.name}={value[:30]!a}": told
        for parameter in COMMANDS[typed].params
        for value in odd_values(parameter)
        if (told := fault(flybill(*asked(typed, parameter, value))))
    }
    assert found == {}


@pytest.mark.parametrize(
    "typed", ["import-orgs", "import-items", "import-aliases", "land --source edge", "land --source machines"]
)
def test_no_content_of_a_file_ends_in_a_traceback(flybill: Flybill, tmp_path: Path, typed: str) -> None:
    found = {}
    for content in CONTENTS:
        for suffix in (".csv", ".json", ".jsonl", ".csv.gz"):
            file = tmp_path / f"file{suffix}"
            file.write_bytes(content)
            command, *options = typed.split()
            if told := fault(flybill(command, str(file), *options)):
                found[f"{suffix} {content[:60]!r}"] = told
    assert found == {}

"""docs/first-month.md, typed as it stands: files are written, commands run, and each answer that is shown is given."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from flybill_pipeline_tests.docs.pages import text_of
from flybill_pipeline_tests.stories.troubled_months import USD
from flybill_pipeline_tests.worlds.deployment import Deployments, Flybill
from flybill_pipeline_tests.worlds.emulator import Emulators

BLOCK = re.compile(r"^```(?:(?:csv|toml) (?P<file>\S+))?\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)


def typed(session: str) -> Iterator[tuple[str, list[str]]]:
    """Each line that is typed, with the lines that are shown of its answer."""
    for part in session.split("$ ")[1:]:
        line, *shown = part.splitlines()
        yield line, [each for each in shown if each != "…"]


def answer(flybill: Flybill, line: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a shell would show: its own commands are done here, those of flybill in this process."""
    name, *arguments = shlex.split(line)
    if name == "cd":
        monkeypatch.chdir(arguments[0])
    elif name == ".":
        told = subprocess.run(["sh", "-c", f"{line}; env -0"], capture_output=True, check=True, text=True).stdout
        pairs = (each.partition("=") for each in told.split("\0") if each.startswith("FLYBILL_"))
        flybill.environment.update({name: value for name, _, value in pairs})
    else:
        nobodys = dict.fromkeys(("STRIPE_API_KEY", "STRIPE_API_BASE"), "") if arguments == ["doctor"] else {}
        ran = flybill(*arguments, **nobodys)
        assert (name, ran.status) == ("flybill", 0), ran
        return ran.out.splitlines()
    return []


def test_organizations_are_taken_from_a_preview_as_the_page_tells(
    deploy: Deployments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    [block] = [
        each["text"] for each in BLOCK.finditer(text_of("docs/first-month.md")) if "unknown_orgs" in each["text"]
    ]
    line, _, script = block.partition("\n")
    typed_line, _, file = line.partition(" > ")
    with deploy() as flybill:
        flybill.prices("usd.toml", USD)
        Path("traffic.csv").write_text('id,org,seconds,at\n1,acme,5,2025-09-05\n2,"ze, nith",5,2025-09-05\n')
        arguments = shlex.split(typed_line.replace("--source traffic", "--source machines"))[1:]
        Path(file).write_text(flybill(*arguments).out)
        subprocess.run(["sh", "-c", script], check=True)
        ran = flybill("import-orgs", "orgs.csv")
    assert (ran.status, ran.out) == (0, "2 organizations: 2 new, 0 changed.\n"), ran


def test_a_first_month_is_billed_as_the_page_tells(
    deploy: Deployments, emulators: Emulators, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    count = 0
    with emulators.lent() as emulator, deploy(emulator, shards=1) as flybill:
        for block in BLOCK.finditer(text_of("docs/first-month.md")):
            if block["file"]:
                with Path(block["file"]).open("a") as file:
                    file.write(f"\n{block['text']}" if file.tell() else block["text"])
                continue
            for line, shown in typed(block["text"]):
                given = answer(flybill, line, monkeypatch)
                assert [each for each in shown if each not in given] == [], "\n".join(given)
                count += len(shown)
    assert count >= 12

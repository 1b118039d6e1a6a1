"""Hooks, Makefile and CONTRIBUTING.md agree on what is checked before code is shared. No code is checked here."""

import re
from typing import Any

import yaml  # type: ignore[import-untyped]

from flybill_pipeline_tests.conftest import PROJECT
from flybill_pipeline_tests.docs.pages import text_of

HOOKS: dict[str, Any] = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text())
MAKEFILE = (PROJECT / "Makefile").read_text()


def commands_of(*targets: str) -> set[str]:
    """What the targets run of the project's environment, but for tests."""
    recipes = [re.search(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE) for target in targets]
    lines = [line.strip() for recipe in recipes if recipe is not None for line in recipe[1].splitlines()]
    return {line.removeprefix("$(BIN)/") for line in lines if line.startswith("$(BIN)/") and "pytest" not in line}


def test_the_hooks_are_the_gates_of_make_that_need_no_test() -> None:
    (repository,) = HOOKS["repos"]
    entries = {hook["entry"].removeprefix(".venv/bin/") for hook in repository["hooks"]}
    assert entries == commands_of("lint", "types", "check")
    assert len(entries) >= 4


def test_nothing_is_downloaded_for_a_hook() -> None:
    (repository,) = HOOKS["repos"]
    assert repository["repo"] == "local"
    assert all(hook["language"] == "system" and not hook["pass_filenames"] for hook in repository["hooks"])
    assert all(hook["entry"].startswith(".venv/bin/") for hook in repository["hooks"])


def test_contributing_shows_every_gate_that_make_has() -> None:
    gates = [name for name in ("quick", "check", "test") if re.search(rf"^{name}:", MAKEFILE, re.MULTILINE)]
    assert [gate for gate in gates if f"make {gate}" not in text_of("CONTRIBUTING.md")] == []

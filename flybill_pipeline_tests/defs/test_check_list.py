"""A check is one value in one list: Dagster, the alerts and the tests know every one of it, and nothing else."""

import importlib
import pkgutil
from types import SimpleNamespace
from typing import cast

import dagster as dg
import pytest

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.definitions import build_defs
from flybill_pipeline.defs import checks as room
from flybill_pipeline.defs import dagster_problems
from flybill_pipeline.defs.checks import CHECKS
from flybill_pipeline.defs.checks.check import ERROR, WARN, Check, Finding
from flybill_pipeline.defs.checks.stripe import not_billed
from flybill_pipeline.settings import load_settings
from flybill_pipeline.toolbox.tools import Toolbox

EACH = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)


@pytest.fixture(scope="module")
def repository() -> dg.RepositoryDefinition:
    return build_defs(load_settings({})).get_repository_def()


def test_dagster_knows_every_check_of_the_list_and_no_other(repository: dg.RepositoryDefinition) -> None:
    assert set(repository.asset_graph.asset_check_keys) == {check.key for check in CHECKS}
    assert len({check.name for check in CHECKS}) == len(CHECKS)


def test_every_check_that_is_written_is_in_the_list() -> None:
    modules = [importlib.import_module(each.name) for each in pkgutil.iter_modules(room.__path__, f"{room.__name__}.")]
    named = {name: value for module in modules for name, value in vars(module).items() if isinstance(value, Check)}
    assert len(named) >= 3
    assert [name for name, check in named.items() if check not in CHECKS] == []


@EACH
def test_a_check_is_cut_as_its_asset_is(check: Check[object], repository: dg.RepositoryDefinition) -> None:
    graph = repository.asset_graph
    assert graph.get(check.key).partitions_def == graph.get(check.key.asset_key).partitions_def


@EACH
def test_the_words_of_a_check_are_sentences_and_say_what_to_do(
    check: Check[object], repository: dg.RepositoryDefinition
) -> None:
    for words in (check.holds, check.broken, check.remedy):
        assert words[0].isupper() and words[-1] in ".?", words
    for words in (check.holds, check.remedy):
        assert words in str(repository.asset_graph.get(check.key).description)
    assert check.no_alert_because is None or (check.no_alert_because and not check.no_alert_because.endswith("."))


@EACH
def test_a_check_that_alerts_can_be_red(check: Check[object]) -> None:
    assert check.severity == ERROR or check.no_alert_because, "a warning tells nobody: say why that is enough"


@EACH
def test_a_result_says_what_was_found(check: Check[object]) -> None:
    good, bad = check.result(Finding(True)), check.result(Finding(False, {"n": 1}))
    assert (good.passed, good.description) == (True, check.holds)
    assert (bad.passed, bad.description, bad.severity) == (False, check.broken, check.severity)
    assert check.result(Finding(False, warning=True)).severity == WARN
    recorded = check.evaluation(Finding(False, {"n": 1}), "2026-10-01")
    assert (recorded.asset_check_key, recorded.description) == (check.key, check.broken)


@EACH
def test_people_are_told_of_a_red_check_unless_it_says_why_not(
    check: Check[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def only_this_is_red(_: dg.DagsterInstance, key: dg.AssetCheckKey) -> dict[str, bool]:
        return {"2026-10-01": key != check.key}

    monkeypatch.setattr(dagster_problems, "last_results", only_this_is_red)
    with dg.DagsterInstance.ephemeral() as instance:
        told = list(dagster_problems._failed_checks(instance))
    if check.no_alert_because:
        assert told == []
    else:
        [problem] = told
        assert check.name in problem.title
        assert (problem.what, problem.remedy) == (check.broken, check.remedy)


@pytest.mark.parametrize("outcome", ["none", "held", "invoiced"])
@pytest.mark.parametrize("known", [("The customer was deleted.", "Link another."), ("", "")])
def test_who_is_not_billed_is_told_with_what_happened_and_what_to_do(outcome: str, known: tuple[str, str]) -> None:
    class Asked:
        def not_billed(self, month: Month, shard: int) -> list[dict[str, str]]:
            names = {"org_id": "acme", "outcome": outcome, "sync": "", "code": ""}
            return [{**names, "message": known[0], "remedy": known[1]}] if shard == 3 else []

    tools = cast(Toolbox, SimpleNamespace(month_checks=Asked()))
    finding = not_billed(tools, (Month.parse("2026-10"), 3))
    found, table = finding.metadata.values()
    [row] = [record.data for record in table.records]
    assert (finding.passed, found) == (False, 1)
    assert row["org_id"] == "acme"
    assert row["what happened"] == (known[0] or row["what happened"]) != ""
    assert row["what to do"] == (known[1] or row["what to do"]) != ""
    assert not_billed(tools, (Month.parse("2026-10"), 4)) == Finding(True, {"number found": 0})

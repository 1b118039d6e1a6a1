"""What is installed is whole: each file that the code opens is in the package, not only in the project's folder."""

import re
import tomllib
from collections.abc import Iterable
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement

from flybill_pipeline.operating.runs import DAGSTER_YAML
from flybill_pipeline_tests.conftest import PROJECT

PACKAGE = PROJECT / "flybill_pipeline"
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text())
DATA = PYPROJECT["tool"]["setuptools"]["package-data"]["flybill_pipeline"]


def files() -> set[Path]:
    """Files of the package that are no modules; what Python and editors leave there is none of it."""
    found = {path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    return {path for path in found if not any(part.startswith((".", "__")) for part in path.parts[-2:])}


def test_every_file_beside_the_modules_is_package_data() -> None:
    packed = {path for pattern in DATA for path in PACKAGE.glob(pattern) if path.is_file()}
    assert files() - packed == set()
    assert [pattern for pattern in DATA if not any(PACKAGE.glob(pattern))] == []


def test_dagsters_configuration_comes_with_the_package_and_is_the_projects() -> None:
    assert DAGSTER_YAML.is_relative_to(PACKAGE)
    assert DAGSTER_YAML.resolve() == PROJECT / "dagster.yaml"


def plain(name: str) -> str:
    """The name of a distribution in the one spelling that all of its spellings mean."""
    return re.sub(r"[-_.]+", "-", name).lower()


def needed(asked: Iterable[str]) -> set[str]:
    """These distributions and all that they need here, by what is installed."""
    waiting, seen = [Requirement(each) for each in asked], set[tuple[str, frozenset[str]]]()
    while waiting:
        one = waiting.pop()
        if (found := (plain(one.name), frozenset(one.extras))) in seen:
            continue
        seen.add(found)
        waiting += [
            each
            for each in map(Requirement, requires(one.name) or [])
            if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in ("", *one.extras))
        ]
    return {name for name, _ in seen}


def locked(lock: str) -> set[str]:
    """What a lock pins; each is an exact version, with the hashes of its files, and says where none of it is from."""
    text = (PROJECT / lock).read_text()
    assert "://" not in text
    found = set()
    for pin in re.split(r"\n(?=\S)", text.strip()):
        requirement, *hashes = pin.split(" \\\n    ")
        assert hashes and all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", each) for each in hashes), pin
        assert re.fullmatch(r"[^=]+==[^=*]+", requirement.split(" ; ")[0]), pin
        found.add(plain(Requirement(requirement).name))
    return found


def test_one_lock_has_what_runs_and_the_other_what_tests_it_besides() -> None:
    project = PYPROJECT["project"]
    runs = needed(project["dependencies"])
    assert runs - locked("requirements.lock") == set()
    tools = needed(project["optional-dependencies"]["test"])
    assert tools - runs - locked("requirements-test.lock") == set()
    assert locked("requirements.lock") & locked("requirements-test.lock") == set()
    assert locked("requirements.lock") & (tools - runs) == set(), "only tests need it: requirements-test.lock"

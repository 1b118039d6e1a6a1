"""What is installed is whole: each file that the code opens is in the package, not only in the project's folder."""

import tomllib
from pathlib import Path

from flybill_pipeline.operating.runs import DAGSTER_YAML
from flybill_pipeline_tests.conftest import PROJECT

PACKAGE = PROJECT / "flybill_pipeline"
DATA = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["flybill_pipeline"]


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

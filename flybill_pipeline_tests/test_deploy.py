"""The files of deploy/ agree with flybill, with Dagster and with each other, as far as that can be said offline."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from dagster._core.instance.config import dagster_instance_config
from dagster._core.run_coordinator import QueuedRunCoordinator
from dagster._core.workspace.load import location_origins_from_yaml_paths
from dagster_postgres import DagsterPostgresStorage

from flybill_pipeline.operating.home_storage import HomeStorage
from flybill_pipeline.serving.webserver import main as webserver
from flybill_pipeline.settings import load_settings
from flybill_pipeline_tests.conftest import PROJECT

DEPLOY = PROJECT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
VALUES: dict[str, Any] = yaml.safe_load((DEPLOY / "helm-values.yaml").read_text())
OBJECTS: list[dict[str, Any]] = list(yaml.safe_load_all((DEPLOY / "guarded-webserver.yaml").read_text()))
README = (DEPLOY / "README.md").read_text()

SERVICE_KEYS = {  # of the Compose specification
    "image", "build", "command", "environment", "volumes", "depends_on", "healthcheck", "restart", "ports", "read_only",
    "tmpfs", "cap_drop", "security_opt",
}  # fmt: skip
CHART_KEYS = {  # of the chart's values.schema.json, version 1.13, where it was read
    "": {
        "dagsterWebserver", "dagster-user-deployments", "postgresql", "generatePostgresqlPasswordSecret", "rabbitmq",
        "ingress", "runLauncher", "dagsterDaemon", "telemetry", "global", "retention", "additionalInstanceConfig",
    },
    "dagster-user-deployments": {"enabled", "enableSubchart", "deployments"},
    "dagster-user-deployments.deployments": {
        "name", "image", "dagsterApiGrpcArgs", "port", "includeConfigInLaunchedRuns", "env", "envSecrets", "volumes",
        "volumeMounts", "podSecurityContext", "securityContext", "resources",
    },
    "runLauncher": {"type", "config"},
    "runLauncher.config.k8sRunLauncher": {"imagePullPolicy", "loadInclusterConfig", "securityContext"},
    "postgresql": {
        "enabled", "postgresqlHost", "postgresqlUsername", "postgresqlDatabase", "postgresqlScheme", "service",
    },
    "dagsterDaemon": {
        "image", "runCoordinator", "runMonitoring", "runRetries", "podSecurityContext", "securityContext", "resources",
    },
    "dagsterWebserver": {"replicaCount"},
    "global": {"postgresqlSecretName"},
}  # fmt: skip


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


def settings_of_flybill() -> set[str]:
    asked = Asked()
    load_settings(asked)
    return asked.names


def at(path: str) -> Any:
    found: Any = VALUES
    for name in filter(None, path.split(".")):
        found = found[name]
    return found[0] if isinstance(found, list) else found


def test_every_setting_that_is_named_is_one_of_flybill() -> None:
    named = {name for service in COMPOSE["services"].values() for name in service.get("environment", {})}
    named -= set(COMPOSE["services"]["postgres"]["environment"])
    named |= {variable["name"] for variable in at("dagster-user-deployments.deployments")["env"]}
    named |= set(re.findall(r"`((?:FLYBILL|STRIPE)_\w+)`", README)) - {"FLYBILL_PASSWORD", "FLYBILL_CONFIG"}
    ours = {name for name in named if name.startswith(("FLYBILL_", "STRIPE_"))}
    assert len(ours) >= 9
    assert ours <= settings_of_flybill()


def test_every_variable_of_the_compose_file_is_listed() -> None:
    used = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text()))
    assert {name for name in used if f"`{name}`" not in README} <= {"FLYBILL_FIRST_MONTH"}


def test_the_services_know_each_other_and_only_the_proxy_is_reachable() -> None:
    services = COMPOSE["services"]
    for name, service in services.items():
        assert set(service) <= SERVICE_KEYS, name
        assert set(service.get("depends_on", ())) <= set(services), name
        for volume in service.get("volumes", ()):
            source = volume.rsplit(":/", 1)[0]
            if source.startswith("./"):
                assert (DEPLOY / source).is_file(), source
            else:
                assert source in COMPOSE["volumes"] or source.startswith("${"), source
    assert [name for name, service in services.items() if "ports" in service] == ["proxy"]
    hosts = set(
        re.findall(r"(?:reverse_proxy|forward_auth|import login \S+) (\w+):", (DEPLOY / "Caddyfile").read_text())
    )
    assert hosts <= set(services)
    assert hosts >= {"login", "webserver"}


def test_only_who_bills_has_the_key_of_stripe_and_the_billing_database() -> None:
    holders = {n for n, s in COMPOSE["services"].items() if "STRIPE_API_KEY" in s.get("environment", {})}
    assert holders == {"migrate", "code"}


@pytest.mark.parametrize(
    "command",
    [COMPOSE["services"]["webserver"]["command"], OBJECTS[0]["spec"]["template"]["spec"]["containers"][0]["command"]],
)
def test_the_webserver_is_the_guarded_one_and_knows_its_options(command: list[str]) -> None:
    assert command[:3] == ["python", "-m", "flybill_pipeline.serving.webserver"]
    chosen = webserver.make_context("webserver", list(command[3:])).params
    assert chosen["port"] != chosen["read_only_port"]
    assert chosen["origins"] != chosen["read_only_origins"]
    assert all(origin.startswith("https://") for origin in (*chosen["origins"], *chosen["read_only_origins"]))


def test_the_chart_is_given_keys_that_it_knows_and_no_webserver_without_a_guard() -> None:
    for path, known in CHART_KEYS.items():
        assert set(at(path)) <= known, path
    assert at("dagsterWebserver")["replicaCount"] == 0
    assert at("ingress")["enabled"] is False
    assert at("runLauncher")["type"] == "K8sRunLauncher"


def test_a_run_has_the_memory_that_is_meant_for_it() -> None:
    """dagster-k8s gives a run what its code location says, and only else what the launcher does."""
    (code,) = VALUES["dagster-user-deployments"]["deployments"]
    assert code["includeConfigInLaunchedRuns"]["enabled"]
    assert code["resources"]["limits"]["memory"] == "4Gi"
    assert "resources" not in VALUES["runLauncher"]["config"]["k8sRunLauncher"]


def test_runs_wait_in_a_queue_so_that_their_limit_holds() -> None:
    """Else the chart has them start at once; with `QueuedRunCoordinator` as type it sets a limit that is refused."""
    coordinator = VALUES["dagsterDaemon"]["runCoordinator"]
    assert (coordinator["enabled"], coordinator["type"]) == (True, "CustomRunCoordinator")
    assert coordinator["config"]["customRunCoordinator"]["class"] == QueuedRunCoordinator.__name__


def test_the_instance_of_the_cluster_is_the_projects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = yaml.safe_load((PROJECT / "dagster.yaml").read_text())
    assert VALUES["telemetry"] == ours.pop("telemetry")
    assert at("postgresql")["postgresqlScheme"] == "postgresql+psycopg2"
    storage = ours.pop("storage")["custom"]
    assert (storage["module"], storage["class"]) == (HomeStorage.__module__, HomeStorage.__name__)
    assert issubclass(HomeStorage, DagsterPostgresStorage)  # which the chart names by itself
    assert VALUES["additionalInstanceConfig"] == ours
    # What the chart writes itself and what stands in additionalInstanceConfig must not be the same key twice.
    assert not any(at("dagsterDaemon")[part]["enabled"] for part in ("runMonitoring", "runRetries"))
    assert VALUES["retention"]["enabled"] is False
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(VALUES["additionalInstanceConfig"]))
    assert dagster_instance_config(str(tmp_path))[0]["concurrency"]["pools"]["default_limit"] == 1


def test_code_server_and_workspace_agree() -> None:
    (origin,) = location_origins_from_yaml_paths([str(DEPLOY / "workspace.yaml")])
    code = COMPOSE["services"]["code"]
    assert (origin.host, str(origin.port)) == ("code", code["command"][-1])  # type: ignore[attr-defined]
    assert origin.location_name == "flybill_pipeline"
    assert "flybill_pipeline.definitions" in code["command"]
    assert at("dagster-user-deployments.deployments")["dagsterApiGrpcArgs"] == ["-m", "flybill_pipeline.definitions"]


def test_the_names_of_the_cluster_agree() -> None:
    deployment = at("dagster-user-deployments.deployments")
    claims = {o["metadata"]["name"]: o for o in OBJECTS if o["kind"] == "PersistentVolumeClaim"}
    (claim,) = (v["persistentVolumeClaim"]["claimName"] for v in deployment["volumes"] if "persistentVolumeClaim" in v)
    assert claims[claim]["spec"]["accessModes"] == ["ReadWriteMany"]
    assert {m["name"] for m in deployment["volumeMounts"]} == {v["name"] for v in deployment["volumes"]}
    secret = OBJECTS[0]["spec"]["template"]["spec"]["containers"][0]["env"][1]["valueFrom"]["secretKeyRef"]["name"]
    assert secret == VALUES["global"]["postgresqlSecretName"]
    policies = [o["spec"]["podSelector"]["matchLabels"] for o in OBJECTS if o["kind"] == "NetworkPolicy"]
    assert {"component": "user-deployments", "deployment": deployment["name"]} in policies
    image = OBJECTS[0]["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image == f"{deployment['image']['repository']}:{deployment['image']['tag']}"
    assert deployment["image"] == VALUES["dagsterDaemon"]["image"]


def test_the_image_is_made_of_the_locked_packages_and_is_not_root() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    assert "FROM python:3.11-slim" in lines
    assert "USER 10001" in lines
    assert any("-r requirements.lock" in line for line in lines)
    copied = {name for line in lines if line.startswith("COPY") for name in line.split()[1:-1]}
    assert all((PROJECT / name).exists() for name in copied)
    pinned = re.search(r"dagster-postgres==(\S+)", (PROJECT / "requirements.lock").read_text())
    assert pinned is not None
    assert f"dagster-k8s=={pinned[1]}" in README

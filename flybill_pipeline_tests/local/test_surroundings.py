"""What a shell says of other servers, and the keys in it, do not reach the home's own Postgres."""

import os
import pwd
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from flybill_pipeline.local import services
from flybill_pipeline.local.home import prepare_home
from flybill_pipeline.local.postgres import Cluster
from flybill_pipeline.local.postgres_programs import PostgresError
from flybill_pipeline.settings import load_settings

OTHERS = {
    "another address": {"PGHOSTADDR": "127.0.0.1"},
    "another port": {"PGPORT": "6000"},
    "a service": {"PGSERVICE": "production"},
    "another kind of server": {"PGTARGETSESSIONATTRS": "standby"},
    "another way in": {"PGREQUIREAUTH": "scram-sha-256", "PGUSER": "anna", "PGSSLMODE": "verify-full"},
}


def said(home: Path) -> str:
    with services(load_settings({"FLYBILL_HOME": str(home)}), stripe=False) as complete:
        engine = create_engine(str(complete.database_url))
        with engine.connect() as connection:
            port: str = connection.execute(text("show port")).scalar_one()
        engine.dispose()
    return port


@pytest.mark.parametrize("others", OTHERS.values(), ids=OTHERS)
def test_variables_about_other_servers_change_nothing(
    others: dict[str, str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in others.items():
        monkeypatch.setenv(name, value)
    assert said(home) == "5432"


def test_where_a_server_is_named_they_are_about_that_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLROOTCERT", "/etc/theirs.pem")
    named = {f"FLYBILL_{name}DATABASE_URL": "postgresql://theirs/flybill" for name in ("", "DAGSTER_")}
    with services(load_settings({"FLYBILL_HOME": str(home), **named}), stripe=False):
        assert os.environ["PGSSLROOTCERT"] == "/etc/theirs.pem"


def test_the_server_is_given_no_key(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As root it runs under an account whose other processes could read it."""
    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_HUSH")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "HUSH")
    with services(load_settings({"FLYBILL_HOME": str(home)}), stripe=False):
        given = Path(f"/proc/{Cluster(home / 'postgres').pid()}/environ").read_bytes().decode()
    assert "PATH=" in given
    assert "HUSH" not in given


def test_who_has_no_name_and_no_home_folder_can_have_a_home_of_ours(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nobody)
    (home / "theirs").touch()
    home.chmod(0o755)
    prepare_home(home)
    assert home.stat().st_mode & 0o777 == 0o700


def test_who_has_no_name_is_told_that_postgres_makes_nothing_for_them(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in containers that run under any number."""

    def nobody(_number: int) -> pwd.struct_passwd:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    with pytest.raises(PostgresError, match=r"no name on this machine.* or set FLYBILL_DATABASE_URL and"):
        Cluster(home / "postgres").start()

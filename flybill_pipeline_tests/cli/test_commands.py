"""Wrong usage and wrong input of every command: exit status 2, a sentence with file, row and remedy, no traceback."""

import csv
import io
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.cli.input_errors import INPUT_ERRORS, OF_THE_MACHINE, is_one_of
from flybill_pipeline.stores.invoicing.organizations import Organizations
from flybill_pipeline_tests.stories.troubled_months import FIRST, USD
from flybill_pipeline_tests.worlds.deployment import Deployments, Flybill, Ran, event

FUTURE_MONTH = "2999-01"
LIVE_KEY = "_".join(
    ("sk", "live", "51QxSecretSecretSecret")
)  # put together: no scanner shall mistake it for a real one


@pytest.fixture(scope="module")
def flybill(deploy: Deployments) -> Iterator[Flybill]:
    """A deployment with one organization and no Stripe."""
    with deploy() as made:
        made.prices("usd.toml", USD)
        assert made.import_orgs([{"org_id": "acme", "name": "Acme", "currency": "usd"}]).status == 0
        yield made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "input.csv"


def refused(ran: Ran, *words: str) -> None:
    """Exit status 2, and an error of a few lines with all the words in it."""
    assert ran.status == 2, ran
    assert ran.out == ""
    assert "Traceback" not in ran.err
    assert len(ran.err.strip().splitlines()) <= 8, ran.err
    missing = [word for word in words if word not in ran.err]
    assert not missing, f"{missing} not in {ran.err!r}"


@pytest.mark.parametrize("command", ["close", "repair", "status", "owes"])
@pytest.mark.parametrize("month", ["2025-13", "October", "2025", "2025-1"])
def test_a_month_that_is_none(flybill: Flybill, command: str, month: str) -> None:
    arguments = {"repair": [month, "--org", "acme"], "owes": ["acme", "--month", month]}.get(command, [month])
    refused(flybill(command, *arguments), month, "2026-10")


@pytest.mark.parametrize("command", ["close", "repair"])
def test_a_month_that_is_still_running_is_not_billed(flybill: Flybill, command: str) -> None:
    month = Month.of(datetime.now(UTC))
    refused(flybill(command, str(month), "--org", "acme"), "is still running", str(month.last_day), "owes")


@pytest.mark.parametrize("command", ["close", "repair"])
def test_a_month_that_has_not_begun_is_not_billed(flybill: Flybill, command: str) -> None:
    refused(flybill(command, FUTURE_MONTH, "--org", "acme"), f"{FUTURE_MONTH} has not begun yet", "2999-02-01")


@pytest.mark.parametrize(
    ("moment", "says"),
    [
        ("9999-12-31T23:59:59-12:00", "has not come yet"),
        ("yesterday", "'yesterday' is no moment; write it like 2026-10-31T23:00:00Z"),
        ("2026-10-31", "names no time zone"),
    ],
)
def test_a_moment_that_no_database_is_back_at(flybill: Flybill, moment: str, says: str) -> None:
    refused(flybill("restored", "--as-of", moment), "--as-of", says)
    assert flybill.sql("select 1 from flybill.restores where backup_taken_at > now()") == []


def test_a_month_without_invoices_has_nothing_to_verify(flybill: Flybill) -> None:
    ran = flybill("verify", FIRST)
    assert (ran.status, ran.out) == (0, f"{FIRST}: there is no invoice to price again.\n")
    assert flybill("verify", FIRST, "--json").json()["invoices"] == 0


@pytest.mark.parametrize("place", ["file.csv", "file.csv/below", "/proc/nope", "home/lake/copy", "full"])
def test_a_backup_that_cannot_be_written_there(flybill: Flybill, place: str) -> None:
    (flybill.home / "file.csv").touch()
    (flybill.home / "full" / "of").mkdir(parents=True, exist_ok=True)
    folder = flybill.home / place
    refused(flybill("backup", str(folder)), str(folder))


@pytest.mark.parametrize("command", ["emulator", "webhooks", "web"])
def test_a_port_that_cannot_be_used(flybill: Flybill, command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ran = flybill(command, "--port", port, STRIPE_WEBHOOK_SECRET="whsec_x")
        refused(ran, f"Port {port} cannot be used", "--port")
    refused(flybill(command, "--port", "99999", STRIPE_WEBHOOK_SECRET="whsec_x"), "99999", "--port")


@pytest.mark.parametrize("command", ["webhooks", "web"])
def test_what_others_must_reach_is_at_a_port_that_is_named(flybill: Flybill, command: str) -> None:
    """It would say `http://127.0.0.1:0/`, where nobody is."""
    refused(flybill(command, "--port", "0", STRIPE_WEBHOOK_SECRET="whsec_x"), "0 is no port", "--port")


def test_a_state_of_the_emulator_that_can_be_kept_nowhere(flybill: Flybill) -> None:
    refused(flybill("emulator", "--port", "0", "--state", "/proc/nope/state"), "/proc/nope is no folder")


@pytest.mark.parametrize("command", ["close", "repair"])
def test_a_month_before_the_first_one(flybill: Flybill, command: str) -> None:
    refused(flybill(command, "2019-12", "--org", "acme"), "2019-12", "FLYBILL_FIRST_MONTH=2020-01")


def test_a_demo_of_a_month_that_is_still_running(flybill: Flybill) -> None:
    refused(flybill("demo", "--month", FUTURE_MONTH), FUTURE_MONTH)


def test_a_demo_never_plays_with_somebodys_stripe(flybill: Flybill) -> None:
    refused(flybill("demo", "--month", FIRST), "STRIPE_API_KEY", "emulator")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("acme", FIRST, "--format", "csv", "--out", "."), ("is a folder",)),
        (("acme", FIRST, "--format", "csv", "--out", "/proc/nope/owed.csv"), ("/proc/nope is no folder",)),
        (("acme", FIRST, "--format", "xls", "--out", "owed"), ("'xls'", "'csv'")),
        (("nobody", FIRST, "--format", "csv", "--out", "owed"), ("nobody", "import-orgs")),
        (("acme", "October", "--format", "csv", "--out", "owed"), ("October", "2026-10")),
        (("acme", FUTURE_MONTH, "--format", "focus", "--out", "owed"), ("not billed yet", "flybill close")),
        (("acme", FIRST, "--format", "focus", "--out", "-"), ("name a folder",)),
        (("nobody", FIRST, "--format", "focus", "--out", "owed"), ("nobody", "import-orgs")),
    ],
)
def test_a_statement_that_cannot_be_exported(
    flybill: Flybill, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    refused(flybill("export", *arguments), *words)
    assert not Path("owed").exists()


@pytest.mark.parametrize("arguments", [("close", FIRST, "--org"), ("repair", FIRST, "--org"), ("owes",)])
def test_an_organization_that_nobody_imported(flybill: Flybill, arguments: tuple[str, ...]) -> None:
    refused(flybill(*arguments, "nobody"), "nobody", "import-orgs")


def test_to_tell_what_is_wrong_loads_nothing_that_the_command_did_not_need(flybill: Flybill) -> None:
    told = flybill.run("owes", "nobody", PYTHONPROFILEIMPORTTIME="1").err
    loaded = {line.rsplit("|", 1)[-1].strip() for line in told.splitlines() if line.startswith("import time:")}
    assert "flybill: " in told
    assert "flybill_pipeline.cli.input_errors" in loaded
    assert not {"dagster", "duckdb", "stripe", "flybill_pipeline.operating.backups"} & loaded


@pytest.mark.parametrize("name", sorted(INPUT_ERRORS | OF_THE_MACHINE))
def test_what_is_known_as_somebodys_error_is_one_that_can_be_raised(name: str) -> None:
    module, _, kind = name.rpartition(".")
    error = getattr(import_module(f"flybill_pipeline.{module}"), kind)
    assert issubclass(error, Exception)
    assert is_one_of({name}, error.__new__(error))
    assert not is_one_of({name}, Exception(name))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("name,currency\nAcme,usd\n", ("row 1", "org_id")),
        ("org_id,name,currency,plan\na,A,usd,pro\n", ("row 1", "'plan'", "contract")),
        ("org_id,name,currency\na,A,usd\nb,,usd\n", ("row 3", "name", "empty")),
        ("org_id,name,currency\na,A,zzz\n", ("row 2", "zzz")),
        ("org_id,name,currency\na,A,usd\na,B,usd\n", ("row 3", "'a'", "twice")),
        ("org_id,name,currency\na,A\n", ("row 2", "fields")),
        ("org_id,name,currency\na,A,usd,more\n", ("row 2", "fields")),
        ("org_id,name,currency,collection_method\na,A,usd,send_invoice\n", ("row 2", "days_until_due")),
        (
            "org_id,name,currency,email,collection_method,days_until_due\na,A,usd,,send_invoice,30\n",
            ("row 2", "email", "charge_automatically"),
        ),
        ("org_id,name,currency,address_country\na,A,usd,UK\n", ("row 2", "'UK'", "GB")),
        ("org_id,name,currency,tax_id\na,A,usd,12-3456789\n", ("row 2", "'12-3456789'", "address_country", "us_ein:")),
        (f"org_id,name,currency,purchase_order\na,A,usd,{'1' * 141}\n", ("row 2", "purchase_order", "140")),
        (f"org_id,name,currency\na,{'A' * 257},usd\n", ("row 2", "name", "257", "256")),
        ("org_id,name,currency,days_until_due\na,A,usd,soon\n", ("row 2", "'soon'")),
        ("org_id,name,currency,contract,contract_from\na,A,usd,acme,2026-01-01\n", ("row 2", "'acme'")),
        ("org_id,name,currency,contract\na,A,usd,acme\n", ("row 2", "'acme'", "contract_from")),
        ("org_id,name,currency,stripe_customer_id\na,A,usd,cus_1\nb,B,usd,cus_1\n", ("row 3", "cus_1", "a")),
        ("", ("row 1", "org_id")),
    ],
)
def test_a_file_of_organizations_with_a_fault(
    flybill: Flybill, file: Path, content: str, words: tuple[str, ...]
) -> None:
    file.write_text(content)
    before = flybill.sql("select count(*) from flybill.organizations")
    refused(flybill("import-orgs", str(file)), str(file), *words)
    assert flybill.sql("select count(*) from flybill.organizations") == before


def test_every_fault_of_the_file_is_named_at_once(flybill: Flybill, file: Path) -> None:
    file.write_text("org_id,name,currency\n,A,usd\nb,,usd\nc,C,zzz\n")
    refused(flybill("import-orgs", str(file)), "row 2", "row 3", "row 4")


def test_a_file_of_organizations_that_is_not_text(flybill: Flybill, file: Path) -> None:
    file.write_bytes(b"\xff\xfe\x00org_id")
    refused(flybill("import-orgs", str(file)), str(file), "UTF-8")


def test_a_customer_that_another_organization_has(flybill: Flybill, file: Path) -> None:
    file.write_text("org_id,name,currency,stripe_customer_id\none,One,usd,cus_shared\n")
    assert flybill("import-orgs", str(file)).status == 0
    file.write_text("org_id,name,currency,stripe_customer_id\ntwo,Two,usd,cus_shared\n")
    refused(flybill("import-orgs", str(file)), "cus_shared", "one")


def test_importing_the_same_again_changes_nothing(flybill: Flybill) -> None:
    again = flybill.import_orgs([{"org_id": "acme", "name": "Acme Inc.", "currency": "usd"}])
    assert again.json() == {"organizations": 1, "new": 0, "changed": 1, "adjusted": {}, "kept": {}, "warnings": []}
    assert flybill.import_orgs([{"org_id": "acme", "name": "Acme Inc.", "currency": "usd"}]).json()["changed"] == 0


def test_a_contract_that_is_dated_back_names_the_billed_months_that_it_changes(flybill: Flybill, file: Path) -> None:
    prices = file.parent / "prices-of-contracts"
    prices.mkdir()
    (prices / "usd.toml").write_text(
        'effective_from = 2019-01-01\ncurrency = "usd"\n[meters.s]\naggregation = "sum"\nunit = "second"\n'
        '[[prices]]\nmeter = "s"\nmodel = "per_unit"\nunit_amount = 1\n[contracts.late]\nminimum_spend = 5\n'
    )
    file.write_text("org_id,name,currency\ndated,Dated,usd\n")
    assert flybill("import-orgs", str(file)).status == 0
    for month in ("2019-01", "2019-02"):
        flybill.sql(
            "insert into flybill.outcomes (month, org_id, shard, outcome, total_minor, currency, decided_at)"
            " values (:month, 'dated', 0, 'nothing_to_bill', 0, 'usd', now())",
            month=month,
        )
    file.write_text("org_id,name,currency,contract,contract_from\ndated,Dated,usd,late,2019-01-10\n")
    wide = {"FLYBILL_PRICES": str(prices), "FLYBILL_LOOKBACK_MONTHS": "1"}
    imported = flybill("import-orgs", str(file), "--json", **wide).json()
    assert (imported["adjusted"], imported["kept"]) == ({"dated": ["2019-02"]}, {"dated": ["2019-01"]})
    next_invoice, none = imported["warnings"]
    assert "contract of dated changes in 2019-02, which is billed already: its next invoice" in next_invoice
    assert "changes in 2019-01, billed already, and no invoice looks back that far: add a one_off" in none


def test_a_discount_that_ends_before_a_billed_month_says_that_the_month_keeps_it(flybill: Flybill, file: Path) -> None:
    file.write_text("org_id,name,currency\nkeeps,Keeps,usd\n")
    assert flybill("import-orgs", str(file)).status == 0
    items = "item_id,kind,org_id,name,percent,start,end\nearly,discount,keeps,Early,10,2019-01,"
    file.write_text(f"{items}\n")
    assert flybill("import-items", str(file), "--json").json()["kept"] == {}
    flybill.sql(
        "insert into flybill.outcomes (month, org_id, shard, outcome, total_minor, currency, decided_at)"
        " select month, 'keeps', 0, 'nothing_to_bill', 0, 'usd', now() from unnest(array['2019-02', '2019-03']) month"
    )
    file.write_text(f"{items}2019-02\n")
    said = flybill("import-items", str(file))
    assert "discount early ends before 2019-02 to 2019-03, billed with it already, which keeps it" in said.out
    assert said.status == 0


def test_a_currency_that_has_ended_is_imported_with_a_warning(flybill: Flybill) -> None:
    (warning,) = flybill.import_orgs([{"org_id": "sofia", "name": "Sofia", "currency": "bgn"}]).json()["warnings"]
    assert "1 organization with bgn" in warning
    assert "say eur" in warning


def test_a_file_that_is_not_there(flybill: Flybill) -> None:
    for command in (("import-orgs", "/nowhere.csv"), ("land", "/nowhere.csv", "--source", "usage")):
        refused(flybill(*command), "/nowhere.csv")


@pytest.mark.parametrize(
    ("name", "content", "source", "words"),
    [
        ("a.jsonl", "{}\n", "unknown", ("'unknown'", "usage, machines")),
        ("a.parquet", "PAR1", "usage", ("a.parquet", "usage/**/*.jsonl*", "rename")),
        ("a.jsonl", '{"user": 1, "amount": 2}\n', "usage", ("a.jsonl", "mapping", "org")),
        ("a.csv", "when,who\n1,2\n", "machines", ("a.csv", "seconds")),
    ],
)
def test_a_usage_file_that_its_source_cannot_read(
    flybill: Flybill, tmp_path: Path, name: str, content: str, source: str, words: tuple[str, ...]
) -> None:
    (tmp_path / name).write_text(content)
    refused(flybill("land", str(tmp_path / name), "--source", source), *words)
    assert not (Path(flybill.environment["FLYBILL_HOME"]) / "landing" / source / name).exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--quantity", "many"), ("'many'", "1500.25")),
        (("--quantity", "NaN"), ("'NaN'",)),
        (("--quantity", "1e20"), ("'1e20'", "larger unit")),
        (("--quantity", "1e400"), ("'1e400'", "larger unit")),
        (("--quantity", "1_000"), ("'1_000'", "plain digits")),
        (("--quantity", " 5 "), ("' 5 '", "plain digits")),
        (("--quantity", "\uff11\uff12"), ("'\uff11\uff12'", "plain digits")),
        (("--quantity", "1", "--dimension", "region"), ("'region'", "name=value")),
        (("--quantity", "1", "--currency", "gbp"), ("gbp", "usd")),
        (("--quantity", "1", "--contract", "acme"), ("acme",)),
    ],
)
def test_a_quote_for_what_is_not_a_quantity(
    flybill: Flybill, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    prices = str(flybill.home / "prices")
    refused(flybill("quote", "--prices", prices, "--meter", "seconds", *arguments), *words)


def test_a_quote_for_a_meter_that_has_no_price(flybill: Flybill) -> None:
    refused(
        flybill("quote", "--prices", str(flybill.home / "prices"), "--meter", "rockets", "--quantity", "1"), "rockets"
    )


def test_a_price_book_with_faults_names_each_of_them(flybill: Flybill, tmp_path: Path) -> None:
    (tmp_path / "usd.toml").write_text(USD.replace('"per_unit"', '"per_galaxy"').replace("0.02", '"two"'))
    for command in (
        ("quote", "--prices", str(tmp_path), "--meter", "seconds", "--quantity", "1"),
        ("owes", "acme", "--month", FIRST),
    ):
        refused(flybill(*command, FLYBILL_PRICES=str(tmp_path)), "usd.toml", "per_galaxy", "two")


def test_a_close_with_a_bad_price_book_tells_so_and_bills_nobody(flybill: Flybill, tmp_path: Path) -> None:
    (tmp_path / "usd.toml").write_text("effective_from = yesterday")
    closed = flybill("close", "2025-02", FLYBILL_PRICES=str(tmp_path))
    assert closed.status in (1, 2)
    assert "usd.toml" in closed.err
    assert "Traceback" not in closed.err
    assert flybill.sql("select * from flybill.outcomes where month = '2025-02'") == []


def test_a_file_that_cannot_be_read_is_told_until_it_is_taken_away(flybill: Flybill) -> None:
    refused(flybill("quarantine", "--source", "edge"), "'edge'", "usage, machines")
    assert "Every row of every file that was read counts" in flybill("quarantine").out
    file = flybill.home / "home" / "landing" / "machines" / "cut.csv.gz"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"\x1f\x8b and then nothing that gzip knows")
    closed = flybill("close", FIRST)
    assert "1 file cannot be read; `flybill quarantine` names them" in closed.out
    (broken,) = flybill("quarantine", "--json").json()["broken_files"]
    assert (broken["source"], broken["file"]) == ("machines", "machines/cut.csv.gz")
    assert "take it away" in broken["what_to_do"]
    assert "machines/cut.csv.gz cannot be read" in flybill("quarantine").out
    file.unlink()
    assert "cannot be read" not in flybill("close", FIRST).out


def test_a_source_mapping_with_a_fault(flybill: Flybill, tmp_path: Path, file: Path) -> None:
    (tmp_path / "sources.toml").write_text('[[sources]]\nname = "usage"\nformat = "xml"\nfiles = "usage/*"\n')
    file.write_text("x")
    ran = flybill("land", str(file), "--source", "usage", FLYBILL_SOURCES=str(tmp_path / "sources.toml"))
    refused(ran, "sources.toml", "format", "'xml'")


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"FLYBILL_SHARDS": "many"}, ("FLYBILL_SHARDS",)),
        ({"FLYBILL_SHARDS": "3"}, ("FLYBILL_SHARDS=3", "has 2 shards", "unset")),
        ({"FLYBILL_USAGE_ENGINE": "abacus"}, ("FLYBILL_USAGE_ENGINE", "duckdb")),
        ({"FLYBILL_DATABASE_URL": "mysql://localhost/x"}, ("FLYBILL_DATABASE_URL", "postgresql")),
        ({"FLYBILL_DATABASE_URL": "postgresql://u:hush@127.0.0.1:9/x"}, ("FLYBILL_DATABASE_URL", "127.0.0.1:9")),
        ({"FLYBILL_DATABASE_URL": "no address"}, ("FLYBILL_DATABASE_URL",)),
        ({"FLYBILL_LANDING_URL": "ftp://me:hush@example.com/usage"}, ("FLYBILL_LANDING_URL", "s3://")),
    ],
)
def test_an_environment_that_cannot_be_used(
    flybill: Flybill, variables: dict[str, str], words: tuple[str, ...]
) -> None:
    (flybill.home / "any.jsonl").write_text("{}\n")
    ran = flybill("land", str(flybill.home / "any.jsonl"), "--source", "usage", **variables)
    refused(ran, *words)
    assert "hush" not in ran.err


@pytest.mark.parametrize("where", [{}, {"STRIPE_API_BASE": ""}], ids=["an emulator's address", "Stripe's own"])
def test_a_live_key_is_refused_and_never_printed(flybill: Flybill, where: dict[str, str]) -> None:
    flybill.land("usage-for-live.jsonl", [event("live", "acme", 1000, "2025-03-05T00:00:00Z")])
    closed = flybill("close", "2025-03", STRIPE_API_KEY=LIVE_KEY, **where)
    assert closed.status != 0
    assert "FLYBILL_STRIPE_LIVE=1" in closed.err
    assert LIVE_KEY not in closed.out + closed.err
    kept = [file for file in (flybill.home / "home").rglob("*") if file.is_file()]
    assert not [file for file in kept if LIVE_KEY.encode() in file.read_bytes()]


def test_owes_answers_while_stripe_is_down(flybill: Flybill) -> None:
    flybill.land("usage-while-down.jsonl", [event("down", "acme", 1000, "2025-04-05T00:00:00Z")])
    closing = flybill.start("close", "2025-04")
    deadline = time.monotonic() + 60
    invoiced = "select 1 from flybill.invoices where month = '2025-04'"
    while not flybill.sql(invoiced) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(closing.pid, signal.SIGKILL)
    closing.communicate()
    answer = flybill("owes", "acme", "--month", "2025-04", "--json").json()
    assert (answer["state"], answer["total_minor"]) == ("invoiced", 1000)
    assert "final" in answer["next_step"]


@pytest.mark.parametrize(
    ("send", "signalled", "month"),
    [
        (os.killpg, signal.SIGINT, "2025-07"),  # as a terminal does
        (os.kill, signal.SIGTERM, "2025-08"),
        (os.killpg, signal.SIGHUP, "2025-01"),  # as a terminal does that was closed
    ],
)
def test_a_close_that_is_stopped_begins_nothing_else(
    flybill: Flybill, send: Callable[[int, int], None], signalled: signal.Signals, month: str
) -> None:
    flybill.land(f"usage-{month}.jsonl", [event(month, "acme", 1000, f"{month}-05T00:00:00Z")])
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # what nohup ignores, its children ignore as well
    closing = flybill.start("close", month)
    signal.signal(signal.SIGHUP, before)
    deadline = time.monotonic() + 60
    while not flybill.sql("select 1 from flybill.invoices where month = :m", m=month) and time.monotonic() < deadline:
        time.sleep(0.05)
    send(closing.pid, signalled)
    said = str(closing.communicate())
    assert closing.returncode == 1
    assert "the same command goes on from there" in said
    assert "Stripe's own list" not in said
    assert "Traceback" not in said


def test_an_exported_statement_is_the_one_that_owes_tells(flybill: Flybill, tmp_path: Path) -> None:
    flybill.land("usage-to-export.jsonl", [event("kept", "acme", 700, "2025-06-05T00:00:00Z", region="=1+1")])
    flybill("close", "2025-06", "--org", "acme")
    told = flybill("owes", "acme", "--month", "2025-06", "--json").out
    for form in ("json", "csv", "html"):
        ran = flybill("export", "acme", "2025-06", "--format", form, "--out", str(tmp_path / form))
        assert (ran.status, ran.out) == (
            0,
            f"Wrote the statement of acme for 2025-06 (invoiced) to {tmp_path / form}.\n",
        )
    assert (tmp_path / "json").read_text() == told
    (row,) = csv.DictReader(io.StringIO((tmp_path / "csv").read_bytes().decode("utf-8-sig"), newline=""))
    assert (row["org_id"], row["state"], row["amount"], row["amount_minor"]) == ("acme", "invoiced", "7", "700")
    assert "You owe $7.00 for June 2025 (invoice FB-2025-06-" in (tmp_path / "html").read_text()
    ran = flybill("export", "acme", "2025-06", "--format", "focus", "--out", str(tmp_path / "focus"))
    assert ran.out.startswith("Wrote what acme was billed for 2025-06 (FB-2025-06-"), ran
    (row,) = csv.DictReader((tmp_path / "focus" / "cost_and_usage.csv").open(newline=""))
    assert (row["BillingAccountId"], row["BilledCost"], row["InvoiceIssuerName"]) == ("acme", "7.0", "flybill")
    printed = flybill("export", "acme", "2025-06", "--format", "csv", "--out", "-").out
    assert printed.encode() == (tmp_path / "csv").read_bytes()


def test_what_the_reading_commands_print_is_json(flybill: Flybill) -> None:
    for command, status in (
        (("status", FIRST), 1),  # one organization is held
        (("owes", "acme"), 0),
        (("owes", "acme", "--month", FUTURE_MONTH), 0),
    ):
        ran = flybill(*command, "--json")
        assert ran.status == status, ran
        assert json.loads(ran.out)["month"] in {FIRST, FUTURE_MONTH, str(Month.parse(json.loads(ran.out)["month"]))}


def test_a_question_to_a_database_of_ones_own_starts_no_other(flybill: Flybill, tmp_path: Path) -> None:
    answer = flybill("status", FIRST, FLYBILL_HOME=str(tmp_path), FLYBILL_DAGSTER_DATABASE_URL="")
    assert answer.status == 1, answer.err  # one organization is held
    assert FIRST in answer.out
    assert not (tmp_path / "postgres").exists()


def test_owes_speaks_of_the_current_month_unless_told_otherwise(flybill: Flybill) -> None:
    answer = flybill("owes", "acme", "--json").json()
    assert (answer["state"], answer["total_minor"], answer["lines"]) == ("open", 0, [])
    assert "so far" in answer["message"]


def test_a_month_without_lines_is_not_explained_by_silence(flybill: Flybill) -> None:
    ran = flybill("explain", "acme", "2024-02")
    assert (ran.status, ran.out) == (0, "acme has no line in 2024-02: there is nothing to explain.\n")


HOSTILE = "\x1b[2J\x1b]52;c;cm0=\x07[red]x[/red]\u202eevil"
HOSTILE_FILE = "\x1b]0;owned\x07\u202efile.jsonl"


def test_what_came_from_outside_is_told_as_text(flybill: Flybill, tmp_path: Path) -> None:
    day = "2025-05-05T00:00:00Z"
    rows = [event(1, HOSTILE, 5, day), event(2, "acme", 500, day, region=HOSTILE), event(3, "acme", HOSTILE, day)]
    flybill.land(HOSTILE_FILE, rows)
    answers = [
        flybill("close", "2025-05"),
        flybill("status", "2025-05"),
        flybill("explain", "acme", "2025-05"),
        flybill("quarantine"),
        flybill("owes", HOSTILE),
        flybill("land", str(tmp_path / HOSTILE), "--source", "usage"),
        flybill("status", HOSTILE),
        flybill("quarantine", "--source", HOSTILE),
        flybill("quote", "--meter", HOSTILE, "--quantity", "1"),
        flybill("status", "2025-05", "--json"),
        flybill("quarantine", "--json"),
    ]
    for ran in answers:
        told = ran.out + ran.err
        assert "Traceback" not in told
        assert [each for each in told.replace("\n", "") if not each.isprintable()] == [], ran
    assert all("\\u202e" in ran.out + ran.err for ran in answers)


def test_a_quote_needs_no_prices_where_the_deployment_has_some(flybill: Flybill) -> None:
    by_default = flybill("quote", "--meter", "seconds", "--quantity", "250", "--json").json()
    assert (
        by_default
        == flybill(
            "quote", "--prices", str(flybill.home / "prices"), "--meter", "seconds", "--quantity", "250", "--json"
        ).json()
    )
    assert (by_default["amount_minor"], by_default["currency"]) == (250, "usd")


def test_a_mistake_of_ours_shows_where_it_is_and_ends_with_one(
    flybill: Flybill, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(HOSTILE)

    monkeypatch.setattr(Organizations, "with_terms", broken)
    ran = flybill("owes", "acme")
    assert (ran.status, ran.out) == (1, "")
    assert "Traceback" in ran.err and "[red]x[/red]\\u202eevil" in ran.err and "\x1b" not in ran.err


def test_a_terminal_that_knows_no_unicode_gets_numbers_for_it(flybill: Flybill) -> None:
    assert flybill.import_orgs([{"org_id": "größe", "name": "Größe", "currency": "usd"}]).status == 0
    ran = flybill.run("owes", "größe", PYTHONIOENCODING="ascii")
    assert (ran.status, ran.out.split(":")[0]) == (0, "gr\\xf6\\xdfe")


def test_an_answer_that_nobody_reads_to_its_end_is_no_error(flybill: Flybill) -> None:
    process = flybill.start("owes", "acme", "--json")
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(60) == 1

"""No query compares each organization with each: not where Postgres knows nothing of a month, nor of the months before.

It keeps statistics of what was there some time ago. Of a month that has just begun it expects a single row, and may
then join each with each. That is nothing for a hundred organizations, and hours for a hundred thousand.
"""

from pathlib import Path

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.definitions import build_defs
from flybill_pipeline.defs.jobs import EXPORT_MONTH, PRICE_MONTH, READ_PAYMENTS, RECONCILE_MONTH, SHOW_MONTH
from flybill_pipeline.defs.partitions import month_shard_key
from flybill_pipeline.settings import load_settings
from flybill_pipeline_tests.stories.troubled_months import USD
from flybill_pipeline_tests.worlds.deployment import Deployments, Flybill, event
from flybill_pipeline_tests.worlds.emulator import Emulators
from flybill_pipeline_tests.worlds.plans import compared

FIRST, SECOND, RUNNING = "2025-09", "2025-10", "2025-11"
SHARDS = 2
ORGS = [f"org{n:03}" for n in range(100)]
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
ITEMS = """item_id,kind,org_id,name,amount,currency,percent,start
plan {0},subscription,{0},Plan,9.99,usd,,2025-09-01
paid {0},credit,{0},Prepaid,15,usd,,2025-09-01
less {0},discount,{0},Discount,,,10,2025-09
most {0},budget,{0},Everything,1,usd,,2025-09
"""


def test_no_query_compares_each_with_each(deploy: Deployments, emulators: Emulators, tmp_path: Path) -> None:
    with emulators.lent() as emulator, deploy(emulator, shards=SHARDS) as flybill:
        flybill.prices("usd.toml", USD)
        with compared() as unpaired:
            flybill.import_orgs([{"org_id": org, "name": org, "currency": "usd"} for org in ORGS])
            import_items(flybill, tmp_path)
            flybill.sql("analyze")
            lived(flybill, FIRST, SECOND)
            looked_at(flybill, FIRST)
            lived(flybill, SECOND, RUNNING)
    assert len(unpaired) > 100
    assert {query: pairs for query, pairs in unpaired.items() if pairs > 2 * len(ORGS)} == {}


def import_items(flybill: Flybill, folder: Path) -> None:
    """A plan, a prepaid credit, a discount and a budget for each."""
    header, *items = ITEMS.splitlines(keepends=True)
    (folder / "items.csv").write_text(header + "".join(item.format(org) for org in ORGS for item in items))
    assert flybill("import-items", str(folder / "items.csv")).status == 0


def lived(flybill: Flybill, month: str, after: str) -> None:
    """The month is closed, with usage of strangers; late usage comes; and all is done with it that people do."""
    flybill.land(f"{month}.jsonl", [event(f"{month} {org}", org, 500, f"{month}-05T00:00:00Z") for org in ORGS])
    strangers = [event(f"{month} no {org}", f"no {org}", 5, f"{month}-05T00:00:00Z") for org in ORGS[::2]]
    flybill.land(f"strangers {month}.jsonl", strangers)
    assert flybill("close", month).status == 1
    late = [event(f"late {month} {org}", org, 60, f"{month}-30T23:59:59Z", region="syd") for org in ORGS]
    flybill.land(f"late {month}.jsonl", late)
    for command in (
        ("close", month),
        ("status", month),
        ("payments",),
        ("owes", ORGS[0], "--month", month),
        ("owes", ORGS[0], "--month", after),
        ("explain", ORGS[0], month),
        ("verify", month),
        ("reprice", month, "--prices", str(flybill.home / "prices")),
        ("repair", month, "--org", ORGS[0]),
        ("doctor",),
        ("events", "list"),
    ):
        told = flybill(*command)
        assert told.status in (0, 1), (command, told.err)
    with flybill.dagster() as instance:
        definitions = build_defs(load_settings())
        for job, key in (
            *((PRICE_MONTH, month_shard_key(Month.parse(after), shard)) for shard in range(SHARDS)),
            (RECONCILE_MONTH, month),
            (EXPORT_MONTH, month),
            (SHOW_MONTH, after),
            (READ_PAYMENTS, None),
        ):
            ran = definitions.resolve_job_def(job).execute_in_process(
                partition_key=key, instance=instance, raise_on_error=False, run_config=QUIET
            )
            assert ran.success, (job, ran.all_events)


def looked_at(flybill: Flybill, month: str) -> None:
    """Others read all of a month, once Postgres has looked at it: minutes later, by v0058 of the migrations."""
    flybill.sql("analyze")
    for view in ("statement_months", "statement_lines", "statement_payments"):
        flybill.sql(f"select * from flybill.{view} where month = :month", month=month)

"""Makes the demo's organizations and usage files, the same ones for the same plan. Lands and bills nothing."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.stores.files.duck import copied

FIRST = ("amber", "basalt", "cedar", "delta", "ember", "fjord", "garnet", "harbor", "indigo", "juniper")
SECOND = ("works", "labs", "games", "health", "press", "robotics", "maps", "music", "bank", "farms")
REGIONS = ("iad", "ord", "lhr", "fra", "nrt", "syd", "gru", "bom", "jnb", "cdg")
SIZES = ("shared-cpu-1x", "shared-cpu-2x", "shared-cpu-4x", "performance-1x", "performance-2x")
EURO_EVERY = 5  # each fifth organization is billed in euros
DONE = ".complete"


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """What the demo plays. `faults` is the share of Stripe's calls that go wrong."""

    month: Month
    orgs: int
    events: int
    seed: int
    faults: float

    @property
    def name(self) -> str:
        """Names the plan's files: other numbers, other names, so that two plans never mix."""
        return f"demo-{self.month}-{self.orgs}-{self.events}-{self.seed}"


def org_ids(plan: DemoPlan) -> list[str]:
    """The organizations, by size: the first uses most."""
    return [_org_id(number) for number in range(plan.orgs)]


def _org_id(number: int) -> str:
    return f"{FIRST[number % 10]}-{SECOND[number // 10 % 10]}-{number:03d}"


def is_made_up(org_id: str) -> bool:
    """Whether a demo of any size has made up this organization."""
    number = org_id.rpartition("-")[2]
    return number.isdecimal() and number.isascii() and len(number) < 7 and org_id == _org_id(int(number))


def currency_of(position: int) -> str:
    """The currency of the organization at a position of `org_ids`."""
    return "eur" if position % EURO_EVERY == EURO_EVERY - 1 else "usd"


def write_organizations(plan: DemoPlan, file: Path) -> None:
    """The CSV that `flybill import-orgs` reads."""
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened)
        writer.writerow(["org_id", "name", "currency", "email", "contract", "contract_from"])
        for position, org in enumerate(org_ids(plan)):
            name = org.rsplit("-", 1)[0].replace("-", " ").title()
            contract = ["acme", plan.month.first_day.isoformat()] if position == 0 else ["", ""]
            writer.writerow([org, name, currency_of(position), f"billing@{org}.example", *contract])


def write_usage(plan: DemoPlan, folder: Path) -> list[tuple[str, Path]]:
    """The usage files with the source of each; made once, since a file that changes would be read again."""
    if not (folder / DONE).exists():
        folder.mkdir(parents=True, exist_ok=True)
        with duckdb.connect() as connection:
            connection.execute("set timezone = 'UTC'")
            _make_events(connection, plan)
            for _, name, query, form in _files(plan):
                file = folder / f"{plan.name}-{name}"
                (rows,) = connection.execute(copied(query, file, form)).fetchone() or (0,)
                if not rows:  # of a small plan: no exporter would write it, and it could not be landed
                    file.unlink()
        (folder / DONE).touch()
    files = [(source, folder / f"{plan.name}-{name}") for source, name, _, _ in _files(plan)]
    return [(source, file) for source, file in files if file.exists()]


def _make_events(connection: duckdb.DuckDBPyConnection, plan: DemoPlan) -> None:
    """One table of usage; every number comes from a hash of its row, so the same plan gives the same rows.

    A few big organizations use most (the square of an even draw). Quantities are made as integers, never floats.
    """
    connection.execute(
        "create table orgs as select unnest(?::text[]) as org_id, generate_subscripts(?::text[], 1) - 1 as n",
        [org_ids(plan), org_ids(plan)],
    )
    span = int((plan.month.end - plan.month.start).total_seconds())
    connection.execute(f"""
        create table events as
        with drawn as (
            select i, hash(i, {plan.seed}) as a, hash(i, {plan.seed}, 1) as b, hash(i, {plan.seed}, 2) as c
            from range({plan.events}) t(i)
        ), shaped as (
            select *, (a % 10000)::bigint as u, (b >> 8) % 100 as kind from drawn
        )
        select i, '{plan.seed}-' || i as id, org_id,
               timestamp '{plan.month.start:%Y-%m-%d}' + to_seconds((c % {span})::bigint) as happened_at,
               list_value({_sql_list(REGIONS)})[1 + (b % {len(REGIONS)})::int] as region,
               list_value({_sql_list(SIZES)})[1 + ((b >> 16) % {len(SIZES)})::int] as size,
               case when kind < 40 then 'edge' when kind < 75 then 'machines'
                    when kind < 90 then 'volumes' else 'cloudevents' end as source,
               (1 + (c >> 20) % 40000)::bigint as amount,
               1 + day(timestamp '{plan.month.start:%Y-%m-%d}' + to_seconds((c % {span})::bigint)) // 8 as week
        from shaped join orgs on orgs.n = (u * u * {plan.orgs}) // 100000000
    """)


def _files(plan: DemoPlan) -> Iterator[tuple[str, str, str, str]]:
    """Source, file name, query and format of every file; among them repeats, conflicts, bad rows and late usage."""
    gzip, zstd = "format json, compression gzip", "format json, compression zstd"
    for week in range(1, 5):
        edge = f"{EDGE} where source = 'edge' and week = {week}"
        yield "edge", f"week{week}.jsonl.gz", edge, gzip
        machines = f"{MACHINES} where source = 'machines' and week = {week}"
        yield "machines", f"week{week}.csv", machines, "format csv, header"
    yield "volumes", "month.parquet", f"{VOLUMES} where source = 'volumes'", "format parquet"
    yield "cloudevents", "month.jsonl.zst", f"{CLOUDEVENTS} where source = 'cloudevents'", zstd
    again = f"{EDGE} where source = 'edge' and week = 2 and i % 8 = 0"
    yield "edge", "week2-delivered-again.jsonl", again, "format json"
    conflict = f"select id, org, gb + 1 as gb, region, ts from ({EDGE} where source = 'edge' and i % 9973 = 0)"
    yield "edge", "week4-other-content.jsonl", conflict, "format json"
    yield "edge", "week4-broken-exporter.jsonl", BAD_ROWS.format(day=plan.month.last_day, seed=plan.seed), "format json"


EDGE = (
    "select id, org_id as org, amount * 0.001::decimal(4, 3) as gb, region, "
    "strftime(happened_at, '%Y-%m-%dT%H:%M:%SZ') as ts from events"
)
MACHINES = (
    "select id as event_id, org_id, amount as seconds, region, size, "
    "strftime(happened_at, '%Y-%m-%dT%H:%M:%SZ') as stopped_at from events"
)
VOLUMES = (
    "select id as event_id, org_id, amount * 0.01::decimal(3, 2) as gb_hours, region, happened_at as measured_at "
    "from events"
)
CLOUDEVENTS = (
    "select '1.0' as specversion, id, 'platform' as source, org_id as subject, "
    "case when i % 3 = 0 then 'build_seconds' else 'requests' end as type, "
    "strftime(happened_at, '%Y-%m-%dT%H:%M:%SZ') as time, "
    "{'quantity': case when i % 3 = 0 then amount // 100 else amount * 50 end, 'region': region} as data from events"
)
BAD_ROWS = """
    select * from (values
        ('{seed}-good', 'amber-works-000', '0', 'iad', '{day}T00:00:00Z'),
        ('{seed}-bad-1', null, '12.5', 'iad', '{day}T01:00:00Z'),
        ('{seed}-bad-2', 'amber-works-000', 'NaN', 'iad', '{day}T02:00:00Z'),
        ('{seed}-bad-3', 'amber-works-000', 'twelve', 'iad', '{day}T03:00:00Z'),
        ('{seed}-bad-4', 'amber-works-000', '1.0', 'iad', '2525-01-01T00:00:00Z'),
        ('{seed}-bad-5', 'amber-works-000', '1.0', 'iad', 'yesterday')
    ) as bad(id, org, gb, region, ts)
"""


def _sql_list(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)

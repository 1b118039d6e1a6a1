"""A year of billing of many organizations in minutes: ones that were really billed are copied, row by row, by Postgres.

What pricing, closing and syncing wrote of it is written again with other ids and earlier months, so sizes, kinds and
indexes are those of a real year. Belongs here: usage to bill, and copying. Not here: measuring.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, MetaData, Table, text

from flybill_pipeline.billing.invoicing.basis import terms_fingerprint
from flybill_pipeline.billing.invoicing.shards import ShardMonth, shard_of
from flybill_pipeline.billing.invoicing.terms import EVER
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.price_changes import fingerprint
from flybill_pipeline.steps.usage.compile_usage import compile_day
from flybill_pipeline.steps.usage.read_landing import read_landing
from flybill_pipeline.steps.usage.record_usage import record_day
from flybill_pipeline.stores.files.duck import Limits, copied, duck
from flybill_pipeline.stores.invoicing.tables import (
    billing_items,
    drafts,
    invoice_lines,
    invoices,
    line_items,
    organizations,
    outcomes,
)
from flybill_pipeline.stores.postgres.bulk import copy_rows
from flybill_pipeline.stores.pricing.tables import pricing_bases
from flybill_pipeline.stores.usage.lake.tables import landed_files
from flybill_pipeline.toolbox.closing import finalize, price
from flybill_pipeline.toolbox.tools import Toolbox
from flybill_pipeline_tests.worlds.organizations import org_row

METERS, REGIONS = 12, 30
MOST_LINES = METERS * REGIONS
PRICES = """
effective_from = 2020-01-01
currency = "usd"
""" + "".join(
    f"""
[meters.meter{number}]
aggregation = "sum"
unit = "gigabyte"
[[prices]]
meter = "meter{number}"
model = "graduated"
tiers = [ {{ up_to = 100, unit_amount = 0.02 }}, {{ unit_amount = 0.015 }} ]
group_by = ["region"]
"""
    for number in range(METERS)
)
SOURCES = """
[[sources]]
name = "usage"
format = "parquet"
files = "usage/*.parquet"
columns = { event_id = "id", org_id = "org", meter = "meter", quantity = "quantity", occurred_at = "at" }
dimensions = { region = "region" }
"""
BUDGET = {"name": "All", "currency": "usd", "amount": "100", "start": "2020-01"}
CREDIT = {"name": "Welcome", "currency": "usd", "amount": "100", "start": "2020-01-01T00:00:00+00:00"}
CREDITED_EVERY = 5


def org_id(number: int) -> str:
    return f"org{number:06d}"


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is: organizations; months that are closed; lines of the smallest ones; files that were landed long
    ago; days of a month that have usage.

    Half of the organizations are the smallest, half of the others have twice as many lines, and so on to MOST_LINES.
    """

    orgs: int
    months: int
    lines: int
    files: int
    days: int

    def like(self, number: int) -> int:
        """The number of the organization of the same size that is really billed."""
        twofold = number & -number
        return twofold if self.lines * twofold < MOST_LINES else 0

    def lines_of(self, number: int) -> int:
        """How many lines an organization has in a month."""
        return self.lines * self.like(number) or MOST_LINES


def bill_a_year(tools: Toolbox, size: Size) -> None:
    """Bills the last month of one organization of each size, and the running month; then copies both to all others."""
    now = tools.now()
    running, last = Month.of(now), Month.of(now).previous()
    for month in (last, running):
        _land(tools, month, size)
    templates = [org_id(number) for number in range(size.orgs) if size.like(number) == number]
    tools.organizations.save([org_row(org, email="billing@example.com") for org in templates], EVER)
    for day in _bring_in(tools):
        record_day(day, tools.lake, tools.catalog)
        compile_day(day, tools.lake, tools.catalog)
    for org in templates:
        closed = ShardMonth(last, tools.shard_of(org), now, [org], landed_by=now)
        price(tools, closed)
        finalize(tools, closed)
        price(tools, ShardMonth(running, tools.shard_of(org), now, [org]))
    with tools.engine.begin() as connection:
        _Copies(connection, tools, last, running).write(size)
    for shard in range(tools.shards):
        tools.gather_usage(ShardMonth(running, shard, now))
    _land_long_ago(tools, size.files, now - timedelta(days=365))
    with tools.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("vacuum analyze"))


def _land(tools: Toolbox, month: Month, size: Size) -> None:
    """A file of Parquet for each day that has begun: an event of every organization and line, as it begins."""
    folder = tools.landing.root / "usage"
    folder.mkdir(parents=True, exist_ok=True)
    for day in month.days()[: size.days]:
        if day > tools.now().date():
            break
        query = f"""select '{day}-' || org || '-' || line as id, 'org' || lpad(org::varchar, 6, '0') as org,
                'meter' || (line % {METERS}) as meter, 'region' || (line // {METERS}) as region,
                (10 + line / 8)::decimal(18, 6) as quantity, timestamp '{day}' as at
            from (select org, unnest(range(lines)) as line from ({_sizes(size)}))"""
        with duck(tools.lake.root, Limits(reads=(folder,))) as connection:
            connection.execute(copied(query, folder / f"{day}.parquet", "format parquet, compression zstd"))


def _sizes(size: Size) -> str:
    """A query for the number of each organization, and how many lines it has."""
    orgs = range(size.orgs)
    return f"select unnest({list(orgs)}) as org, unnest({[size.lines_of(org) for org in orgs]}) as lines"


def _bring_in(tools: Toolbox) -> Sequence[date]:
    read_landing(tools.landing, tools.lake, tools.catalog, tools.now())
    return tools.catalog.days_to_record()


def _land_long_ago(tools: Toolbox, files: int, since: datetime) -> None:
    """Small files that were read in the year: their rows, as they would be read again, count for nothing here."""
    folder = tools.landing.root / "usage"
    for number in range(files):
        file = folder / f"old-{number:06d}.parquet"
        file.touch()
        at = (since + timedelta(days=300) * number / files).timestamp()
        os.utime(file, (at, at))
    columns = ("source", "path", "version", "size", "modified_ns", "changed_ns", "mapping_hash", "arrived_at", "state")
    rows = (
        (each.source, each.path, 1, each.size, each.modified_ns, each.changed_ns, each.mapping_hash, since, "taken")
        for each in tools.landing.files()
        if "/old-" in each.path
    )
    with tools.engine.begin() as connection:
        copy_rows(connection, landed_files, columns, rows)


class _Copies:
    """Copies what there is of organizations that were billed, in the last month and in the running one, to all others
    of their size, and all months.
    """

    def __init__(self, connection: Connection, tools: Toolbox, last: Month, running: Month) -> None:
        self._connection, self._tools, self._last, self._running = connection, tools, last, running

    def write(self, size: Size) -> None:
        self._run("set local session_replication_role = replica")  # no trigger: nothing of it happens now
        self._save_orgs(size)
        self._plan(size)
        invoice, of_month = {"invoice_id": "invoice_id"}, {"month": "month", "org_id": "org_id", "shard": "shard"}
        shifted = {**of_month, "service_month": "month"}
        self._copy(drafts, of_month)
        self._copy(line_items, shifted)
        self._copy(outcomes, of_month)
        self._copy(pricing_bases, shifted | self._usage_of_then(), "service_month = template.month")
        self._copy(invoices, of_month | invoice | {"number": "number"})
        self._copy(invoice_lines, invoice | {"service_month": "month"}, rows=_INVOICED)
        for statement in _BESIDE:
            self._run(statement)
        self._save_items()

    def _save_orgs(self, size: Size) -> None:
        names = [org_id(number) for number in range(size.orgs) if size.like(number) != number]
        rows = ((each, each, "usd", "billing@example.com", shard_of(each, self._tools.shards)) for each in names)
        copy_rows(self._connection, organizations, ("org_id", "name", "currency", "email", "shard"), rows)

    def _plan(self, size: Size) -> None:
        """`copies`: a row for each organization and month that is to be, with those that it is a copy of."""
        self._run("create temp table sizes (org_id text, template_org text)")
        alike = ((org_id(number), org_id(size.like(number))) for number in range(size.orgs))
        copy_rows(self._connection, Table("sizes", MetaData()), ("org_id", "template_org"), alike)
        self._run("create temp table months (template text, month text)")
        month = self._running
        self._run("insert into months values (:month, :month)", month=str(month))
        for _ in range(size.months):
            month = month.previous()
            self._run("insert into months values (:last, :month)", last=str(self._last), month=str(month))
        self._run(_PLAN)
        self._run("analyze copies")

    def _usage_of_then(self) -> dict[str, str]:
        """No usage of older months is in the lake, and nothing of it may look as if it came late."""
        before = self._tools.usage.version(self._last.previous())
        here = f"copies.month = '{self._last}'"
        return {
            "usage_fingerprint": f"case when {here} then usage_fingerprint else '' end",
            "usage_version": f"case when {here} then usage_version else '{before}' end",
            "terms": f"case copies.month {self._terms_of_then()} else terms end",
        }

    def _terms_of_then(self) -> str:
        """Each month has its own prices: what was billed by them is not to be billed again by others."""
        months = self._connection.execute(text("select distinct month from copies")).scalars()
        prices = {month: fingerprint(self._tools.books(Month.parse(month))("usd")) for month in months}
        return " ".join(f"when '{month}' then '{terms_fingerprint(each, None, ())}'" for month, each in prices.items())

    def _copy(self, table: Table, new: Mapping[str, str], where: str = "true", rows: str = "") -> None:
        """The rows of a table, with columns of `copies`, or what else is `new`, in place of what they are."""
        names = [column.name for column in table.columns if column.identity is None]
        of_copies = {"invoice_id", "number", "month", "org_id", "shard"}
        values = [
            f"copies.{new[name]}" if new.get(name) in of_copies else new.get(name, f"template.{name}") for name in names
        ]
        self._run(
            f"""insert into {table.fullname} ({", ".join(names)}) select {", ".join(values)}
                from copies join {rows or table.fullname} template
                  on template.month = copies.template and template.org_id = copies.template_org
                where {where}"""
        )

    def _save_items(self) -> None:
        """A budget for everybody, and a credit for every fifth, of which each month used a little."""
        columns = "item_id, period, kind, org_id, shard, content"
        for kind, content, every in (("budget", BUDGET, 1), ("credit", CREDIT, CREDITED_EVERY)):
            self._run(
                f"""insert into {billing_items.fullname} ({columns})
                    select '{kind} ' || org_id, '', '{kind}', org_id, shard, cast(:content as jsonb)
                    from {organizations.fullname} where right(org_id, 6)::int % {every} = 0""",
                content=json.dumps(content),
            )
        self._run(_USES)

    def _run(self, statement: str, **values: str) -> None:
        self._connection.execute(text(statement), values)


_PLAN = """
create temp table copies as
select m.template, s.template_org, m.month, o.org_id, o.shard, 'inv_' || m.month || '_' || o.org_id as invoice_id,
       'FB-' || m.month || '-' || (right(o.org_id, 6)::int + 100000)::text as number
from months m cross join flybill.organizations o join sizes s using (org_id)
where not (o.org_id = s.template_org and m.month = m.template)
order by m.month, o.org_id
"""
_INVOICED = "(select l.*, i.month, i.org_id from flybill.invoice_lines l join flybill.invoices i using (invoice_id))"
_BESIDE = (
    """
    insert into flybill.stripe_customers (org_id, stripe_customer_id, state)
    select org_id, 'cus_' || org_id, 'finalized' from flybill.organizations
    """,
    "delete from flybill.stripe_sync",  # the one that closing wrote
    """
    insert into flybill.stripe_sync (invoice_id, stripe_customer_id, stripe_invoice_id, stripe_status,
        stripe_subtotal_minor, stripe_total_minor, stripe_amount_due_minor, hosted_invoice_url, state, first_sent_at)
    select invoice_id, 'cus_' || org_id, 'in_' || invoice_id, 'open', subtotal_minor, subtotal_minor, subtotal_minor,
        'https://invoice.stripe.com/i/' || invoice_id, 'finalized', finalized_at
    from flybill.invoices
    """,
    """
    insert into flybill.payment_observations (observation_id, via, kind, object_id, status, currency, amount_minor,
        seen_at, stripe_invoice_id, invoice_id, paid_minor, pre_payment_minor, attempts, settled_at)
    select 'evt_' || i.invoice_id || o.status, 'events', 'invoice', 'in_' || i.invoice_id, o.status, i.currency,
        i.subtotal_minor, i.finalized_at + o.later, 'in_' || i.invoice_id, i.invoice_id, o.share * i.subtotal_minor, 0,
        o.share, case when o.share = 1 then i.finalized_at + o.later end
    from flybill.invoices i, (values ('open', 0, interval '1 hour'), ('paid', 1, interval '2 hours'))
        o (status, share, later)
    """,
)
_USES = """
insert into flybill.credit_uses (credit_id, month, paid_in, org_id, amount_minor)
select i.item_id, m.month, m.month, i.org_id, 1
from flybill.billing_items i, months m where i.kind = 'credit' and m.month <> (select max(month) from months)
"""

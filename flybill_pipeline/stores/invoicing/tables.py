"""The tables of who is billed and what: organizations, items, drafts, invoices, outcomes. No queries here."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

from flybill_pipeline.stores.postgres.tables import QUANTITY, metadata, recorded_at

organizations = Table(
    "organizations",
    metadata,
    Column("org_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("currency", Text, nullable=False),  # the newest; what held when stands in organization_terms
    Column("email", Text),
    Column("stripe_customer_id", Text, unique=True),
    Column("collection_method", Text, nullable=False, server_default="charge_automatically"),
    Column("days_until_due", Integer),
    Column("address_line1", Text),
    Column("address_city", Text),
    Column("address_postal_code", Text),
    Column("address_state", Text),
    Column("address_country", Text),  # two letters, ISO 3166-1
    Column("tax_id", Text),  # as it was written; its type at Stripe: billing's tax_ids.py
    Column("purchase_order", Text),
    Column("language", Text),
    Column("shard", SmallInteger, nullable=False, index=True),
    recorded_at(),
)

organization_terms = (
    Table(  # insert only: what an organization is billed by, from when on; the last word on a start counts
        "organization_terms",
        metadata,
        Column("entry_id", BigInteger, Identity(always=True), primary_key=True),
        Column("org_id", Text, ForeignKey("flybill.organizations.org_id"), nullable=False),
        Column("kind", Text, nullable=False),  # contract or currency
        Column("starts_at", DateTime(timezone=True), nullable=False),
        Column("value", Text),  # null: none from then on
        recorded_at(),
        Index("organization_terms_org", "org_id"),
    )
)


def _line_columns() -> list[Column[object]]:
    """The columns that a draft line and a finalized line share; one fresh set per table."""
    return [
        Column("line_id", Text, nullable=False, doc="names the line, whenever it is priced again"),
        Column(
            "kind",
            Text,
            nullable=False,
            doc="usage, or what else it is, such as subscription, discount, credit, adjustment",
        ),
        Column("meter", Text, doc="the meter by its id; none where nothing was measured"),
        Column(
            "dimensions",
            JSONB,
            nullable=False,
            server_default="{}",
            doc="by what the price was chosen or split, such as region",
        ),
        Column(
            "service_month", Text, nullable=False, doc="the month in which it was used, which may be an earlier one"
        ),
        Column("quantity", QUANTITY, nullable=False, doc="how much, exactly"),
        Column(
            "usage_quantity",
            QUANTITY,
            nullable=False,
            server_default="0",
            doc="how much as recorded, before aggregation and conversion",
        ),
        Column("unit", Text, doc="of what"),
        Column(
            "amount_minor", BigInteger, nullable=False, doc="what it costs before tax, in minor units such as cents"
        ),
        Column("currency", Text, nullable=False, doc="the currency of the amount, such as usd"),
        Column("description", Text, nullable=False, doc="the line in words"),
        Column("working", JSONB, nullable=False, server_default="[]", doc="how the amount came about, step by step"),
        Column("title", Text, doc="what people read of the meter, as the description has it"),
        Column("portions", JSONB, doc="the parts that it is shown by, such as apps; null: by nothing"),
    ]


line_items = Table(  # drafts: replaced when an org's month comes out otherwise than before
    "line_items",
    metadata,
    Column("month", Text, primary_key=True, doc="the month whose bill the line is on, such as 2026-10"),
    Column("org_id", Text, primary_key=True, doc="the organization"),
    Column("line_no", Integer, primary_key=True, doc="the line of the statement, from 1"),
    *_line_columns(),
)

drafts = Table(  # one org's month so far: the sum of its lines, and what keeps it from being billed
    "drafts",
    metadata,
    Column("month", Text, primary_key=True),
    Column("org_id", Text, primary_key=True),  # no foreign key: usage may name an org that nobody imported
    Column("shard", SmallInteger, nullable=False),
    Column("currency", Text),
    Column("total_minor", BigInteger, nullable=False),
    Column("carried_minor", BigInteger, nullable=False),
    Column("line_count", Integer, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("problems", JSONB, nullable=False, server_default="[]"),
    Column("usage_up_to", DateTime(timezone=True)),
    Column("priced_at", DateTime(timezone=True), nullable=False),
    Column("settled_months", Integer, nullable=False, server_default="0"),  # of the org, when it was priced
    Column("credit_uses", JSONB, nullable=False, server_default="{}"),  # {credit_id: minor units}
    Column("credits_returned", JSONB, nullable=False, server_default="[]"),  # [[credit_id, month paid for, minor]]
    Column("priced_from", Text, ForeignKey("flybill.pricing_inputs.inputs_id")),  # a row of pricing_inputs
    Column("made_of", Text),  # names all that it was made of, see billing's unchanged.py
    Column("lines_hash", Text),  # names its lines as they stand in line_items; null: it is not known what they are
    Column("days_watched_for", Integer),  # so many versions of budgets; null: its days were compared with none
    Column("days_watched_to", DateTime(timezone=True)),  # the days before it were known to all then
    Index("drafts_shard", "month", "shard"),
    Index("drafts_org", "org_id", "month"),
)

billing_items = Table(  # insert only: every version of every subscription, one-off item, credit and discount
    "billing_items",
    metadata,
    Column("entry_id", BigInteger, Identity(always=True), primary_key=True),
    Column("item_id", Text, nullable=False),
    Column("period", Text, nullable=False, server_default=""),  # the start, of a subscription's
    Column("kind", Text, nullable=False),
    Column("org_id", Text, ForeignKey("flybill.organizations.org_id"), nullable=False),
    Column("shard", SmallInteger, nullable=False),
    Column("content", JSONB, nullable=False),
    recorded_at(),
    Index("billing_items_shard", "shard", "org_id"),
    Index("billing_items_org", "org_id"),
)

Index("billing_items_item", billing_items.c.item_id, billing_items.c.period, billing_items.c.entry_id.desc())

credit_uses = Table(  # insert only: what each settled month used of a prepaid credit, and gave back to it
    "credit_uses",
    metadata,
    Column("credit_id", Text, primary_key=True),
    Column("month", Text, primary_key=True),
    Column("paid_in", Text, primary_key=True),  # the month itself, or the earlier one whose payment is changed
    Column("org_id", Text, ForeignKey("flybill.organizations.org_id"), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),  # below zero: went back to the credit
    recorded_at(),
    Index("credit_uses_org", "org_id"),
)

audit = Table(  # insert only: who held, released and settled what, when and why
    "audit",
    metadata,
    Column("entry_id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("month", Text, nullable=False),
    Column("org_id", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("code", Text),
    Column("total_minor", BigInteger),
    recorded_at(),
    Index("audit_month", "month", "org_id"),
)

invoices = Table(  # insert only
    "invoices",
    metadata,
    Column("invoice_id", Text, primary_key=True, doc="names the invoice here, and in its metadata at Stripe"),
    Column("number", Text, nullable=False, unique=True, doc="what its customer reads, such as FB-2026-10-000001"),
    Column("month", Text, nullable=False, doc="the month that is invoiced"),
    Column("org_id", Text, ForeignKey("flybill.organizations.org_id"), nullable=False, doc="the organization"),
    Column("shard", SmallInteger, nullable=False, doc="the shard of the month that the organization is in"),
    Column("currency", Text, nullable=False, doc="the currency of the amounts, such as usd"),
    Column(
        "subtotal_minor",
        BigInteger,
        nullable=False,
        doc="the sum of its lines before tax, in minor units such as cents",
    ),
    Column("line_count", Integer, nullable=False, doc="how many lines it has"),
    Column("content_hash", Text, nullable=False, doc="names its content: another content has another one"),
    Column("usage_up_to", DateTime(timezone=True), doc="the time of the last usage that is counted"),
    Column(
        "finalized_at", DateTime(timezone=True), nullable=False, doc="when it was made; nothing of it has changed since"
    ),
    Column(
        "priced_from",
        Text,
        ForeignKey("flybill.pricing_inputs.inputs_id"),
        doc="names the usage and price books that it was made of",
    ),
    UniqueConstraint("month", "org_id"),
)

invoice_lines = Table(  # insert only
    "invoice_lines",
    metadata,
    Column("invoice_id", Text, primary_key=True),  # of an invoice: a trigger sees to it, for all lines at once
    Column("line_no", Integer, primary_key=True),
    *_line_columns(),
)

invoice_numbers = Table(  # the last number given in a month; taken under a row lock, so numbers have no gaps
    "invoice_numbers",
    metadata,
    Column("month", Text, primary_key=True),
    Column("last_number", Integer, nullable=False),
)

outcomes = Table(  # exactly one per org and month; only `held` may still change
    "outcomes",
    metadata,
    Column("month", Text, primary_key=True),
    Column("org_id", Text, primary_key=True),  # no foreign key: an org that nobody imported is `held`
    Column("shard", SmallInteger, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("code", Text),
    Column("message", Text),
    Column("remedy", Text),
    Column("customer_message", Text),
    Column("total_minor", BigInteger, nullable=False),
    Column("currency", Text),
    Column("decided_at", DateTime(timezone=True), nullable=False),
    Index("outcomes_org", "shard", "org_id"),
    Index("outcomes_months", "org_id", "month"),
)

closed_shards = Table(  # those that a close brought to their end; who works at one again forgets it
    "closed_shards",
    metadata,
    Column("month", Text, primary_key=True),
    Column("shard", SmallInteger, primary_key=True),
    Column("made_of", Text, nullable=False),  # names all that it was closed from, see toolbox/made_of.py
    Column("closed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

account_entries = Table(  # insert only: amounts carried from month to month; what is open is their sum
    "account_entries",
    metadata,
    Column("entry_id", BigInteger, Identity(always=True), primary_key=True),
    Column("org_id", Text, ForeignKey("flybill.organizations.org_id"), nullable=False),
    Column("month", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    recorded_at(),
    UniqueConstraint("org_id", "month", "kind"),
)

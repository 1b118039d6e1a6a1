"""What is seen of payments at Stripe, as SQLAlchemy sees it. No queries here; see `tables.py` for the conventions."""

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Index, Integer, Table, Text, func

from flybill_pipeline.stores.postgres.tables import metadata

payment_observations = Table(  # insert only; what is paid, failed or disputed is derived, never written
    "payment_observations",
    metadata,
    Column("observation_id", Text, primary_key=True, doc="the event's id; of a look at the object, made of both"),
    Column("via", Text, nullable=False, doc="how it came: events, listing, webhook"),
    Column(
        "kind", Text, nullable=False, doc="what was seen: an invoice, a payment, a credit note, a refund or a dispute"
    ),
    Column("object_id", Text, nullable=False, doc="which one, by its id at Stripe"),
    Column("status", Text, nullable=False, doc="in which state it was seen, in Stripe's words"),
    Column("currency", Text, nullable=False, doc="the currency of the amounts, such as usd"),
    Column(
        "amount_minor",
        BigInteger,
        nullable=False,
        doc="in minor units: what an invoice asked for before credit notes; else what it is about",
    ),
    Column("seen_at", DateTime(timezone=True), nullable=False, doc="when that was so, by Stripe's clock"),
    Column("stripe_invoice_id", Text, doc="the invoice at Stripe"),
    Column(
        "invoice_id", Text, ForeignKey("flybill.invoices.invoice_id"), doc="the invoice here; null: not one of ours"
    ),
    Column("payment_intent", Text, doc="the payment that it belongs to, by its id at Stripe"),
    Column("paid_minor", BigInteger, nullable=False, doc="of an invoice: what was paid of it by then"),
    Column(
        "pre_payment_minor", BigInteger, nullable=False, doc="of a credit note: by how much less its invoice asks for"
    ),
    Column("attempts", Integer, nullable=False, doc="of an invoice: how often Stripe had tried to collect it"),
    Column("next_attempt_at", DateTime(timezone=True), doc="when Stripe would try again; none where it would not"),
    Column("due_at", DateTime(timezone=True), doc="until when it was to be paid; none where Stripe collects it"),
    Column("settled_at", DateTime(timezone=True), doc="of an invoice: when it was paid, voided or given up"),
    Column("hosted_invoice_url", Text, doc="the page where the customer pays or looks"),
    Column("invoice_pdf", Text, doc="Stripe's PDF of the invoice"),
    Column(
        "recorded_at",
        DateTime(timezone=True),
        nullable=False,
        server_default=func.now(),
        doc="when it was written down here",
    ),
    Index("payment_observations_invoice", "invoice_id"),
    Index("payment_observations_intent", "payment_intent"),
)

payment_polls = Table(  # one row: how far Stripe's events are read, and how the last attempt went
    "payment_polls",
    metadata,
    Column("name", Text, primary_key=True),
    Column("read_up_to", DateTime(timezone=True)),  # when the last complete reading began, by Stripe's clock
    Column("tried_at", DateTime(timezone=True)),
    Column("failing_since", DateTime(timezone=True)),
    Column("failure", Text),
    Column("remedy", Text),
    Column("fell_back_at", DateTime(timezone=True)),  # when the objects were read, the events being gone
)

unread_events = Table(  # what Stripe pushed and nobody could read, or was not for this endpoint; nothing of its content
    "unread_events",
    metadata,
    Column("event_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

page_links = Table(  # who may look at the pages of an organization; the link itself is signed, and not kept
    "page_links",
    metadata,
    Column("link_id", Text, primary_key=True),
    Column("org_id", Text, ForeignKey("flybill.organizations.org_id"), nullable=False),
    Column("made_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("revoked_at", DateTime(timezone=True)),
    Index("page_links_org", "org_id"),
)

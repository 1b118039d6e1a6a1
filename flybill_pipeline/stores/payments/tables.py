"""What is seen of payments at Stripe, as SQLAlchemy sees it. No queries here; see `tables.py` for the conventions."""

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Index, Integer, Table, Text, func

from flybill_pipeline.stores.postgres.tables import metadata

payment_observations = Table(  # insert only; what is paid, failed or disputed is derived, never written
    "payment_observations",
    metadata,
    Column("observation_id", Text, primary_key=True),  # the event's id; of a look at the object, made of both
    Column("via", Text, nullable=False),  # events, listing, webhook
    Column("kind", Text, nullable=False),
    Column("object_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("seen_at", DateTime(timezone=True), nullable=False),  # by Stripe's clock
    Column("stripe_invoice_id", Text),
    Column("invoice_id", Text, ForeignKey("flybill.invoices.invoice_id")),  # null: not one of ours
    Column("payment_intent", Text),
    Column("paid_minor", BigInteger, nullable=False),
    Column("pre_payment_minor", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", DateTime(timezone=True)),
    Column("due_at", DateTime(timezone=True)),
    Column("settled_at", DateTime(timezone=True)),
    Column("hosted_invoice_url", Text),
    Column("invoice_pdf", Text),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
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

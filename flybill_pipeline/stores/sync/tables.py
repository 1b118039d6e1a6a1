"""What the sync keeps beside its rows, as SQLAlchemy sees it: the breaker, the runs under way. No queries here."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Interval,
    SmallInteger,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from flybill_pipeline.stores.postgres.tables import metadata


def sending_columns() -> list[Column[object]]:
    """The durable state of one thing brought to Stripe: committed before each call goes out."""
    return [
        Column(
            "state",
            Text,
            nullable=False,
            server_default="new",
            doc="how far it is: new, created, lined, finalized; or mismatch or blocked, and a person must look",
        ),
        Column(
            "generation",
            Integer,
            nullable=False,
            server_default="0",
            doc="how often it was begun anew, each time under other idempotency keys",
        ),
        Column("step", Text, doc="the call that was sent last, or is about to be"),
        Column("step_key", Text, doc="the idempotency key of that call"),
        Column("step_first_sent_at", DateTime(timezone=True), doc="when that call was sent first, by our clock"),
        Column("first_sent_at", DateTime(timezone=True), doc="when the first call of any step and generation was sent"),
        Column(
            "sent_after", DateTime(timezone=True), doc="Stripe's clock, as known before that: where a look must begin"
        ),
        Column("heard_at", DateTime(timezone=True), doc="Stripe's clock, as known when the row was last written"),
        Column("sent_with", Text, doc="names the API key of the first call: another one may be of another account"),
        Column("attempts", Integer, nullable=False, server_default="0", doc="how often it was taken up"),
        Column("calls", Integer, nullable=False, server_default="0", doc="how many calls to Stripe it took"),
        Column(
            "next_attempt_at",
            DateTime(timezone=True),
            doc="when it is taken up again by itself; none where a person must mend it, or it is done",
        ),
        Column("error_kind", Text, doc="what kind of failure the last one was; none where there is none"),
        Column("error_code", Text, doc="which failure, such as customer_missing"),
        Column("error_message", Text, doc="what happened, for the operator"),
        Column("error_remedy", Text, doc="what to do about it"),
        Column("error_customer_message", Text, doc="what the customer reads of it"),
        Column("request_id", Text, doc="Stripe's id of the last request, for its support"),
        Column("livemode", Boolean, doc="whether it is real money at Stripe"),
        Column(
            "updated_at",
            DateTime(timezone=True),
            nullable=False,
            server_default=func.now(),
            doc="when the row was written last",
        ),
    ]


stripe_sync = Table(
    "stripe_sync",
    metadata,
    Column("invoice_id", Text, ForeignKey("flybill.invoices.invoice_id"), primary_key=True, doc="the invoice here"),
    Column("stripe_customer_id", Text, doc="its customer at Stripe"),
    Column("stripe_invoice_id", Text, unique=True, doc="the invoice at Stripe; none until it was made there"),
    Column("stripe_status", Text, doc="its state at Stripe, in Stripe's words"),
    Column("stripe_subtotal_minor", BigInteger, doc="what its lines come to there, in minor units such as cents"),
    Column("stripe_total_minor", BigInteger, doc="the same with tax"),
    Column("stripe_amount_due_minor", BigInteger, doc="what it asks for, after the customer's balance"),
    Column("hosted_invoice_url", Text, doc="the page where the customer pays or looks"),
    Column("terms", Text, doc="names the content that the draft was made with"),
    *sending_columns(),
)

stripe_customers = Table(  # the same machine for the customer of an org that came without one
    "stripe_customers",
    metadata,
    Column("org_id", Text, ForeignKey("flybill.organizations.org_id"), primary_key=True),
    Column("stripe_customer_id", Text, unique=True),
    *sending_columns(),
)

stripe_profiles = Table(  # what the customer of an org was told of it, also of one that a person linked
    "stripe_profiles",
    metadata,
    Column("org_id", Text, ForeignKey("flybill.organizations.org_id"), primary_key=True),
    Column("stripe_customer_id", Text),
    Column("profile", Text),  # a hash of each field, see billing/sync/profiles.py
    Column("asked_about", Text),  # the customer that may be another org's: a person was asked
    *sending_columns(),
)

stripe_clock = Table(  # one row: Stripe's clock in the newest answer that any process had, and how far ours was from it
    "stripe_clock",
    metadata,
    Column("one", Boolean, primary_key=True),
    Column("stripe_at", DateTime(timezone=True)),
    Column("ahead_seconds", BigInteger),
    Column("server", Text, doc="which Postgres this database is on, and how often another one took its place"),
)

stripe_breaker = Table(  # one row for each time that calls to Stripe were stopped for everybody; at most one is open
    "stripe_breaker",
    metadata,
    Column("breaker_id", BigInteger, Identity(always=True), primary_key=True),
    Column("cause", Text, nullable=False),  # outage, refused
    Column("code", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("remedy", Text, nullable=False),
    Column("request_id", Text),
    Column("key_mark", Text, nullable=False),  # of the API key that was used last: another one is tried at once
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("next_probe_at", DateTime(timezone=True), nullable=False),
    Column("probes", Integer, nullable=False, server_default="0"),
    Column("orgs", Integer, nullable=False, server_default="1"),  # refused for this reason; 1: one answer is enough
    Column("is_open", Boolean, nullable=False, server_default="true"),
    Column("closed_at", DateTime(timezone=True)),
    Index("stripe_breaker_open", "is_open", unique=True, postgresql_where=text("is_open")),
)

stripe_keys = Table(  # the account and mode of each key that was ever asked about, by its mark
    "stripe_keys",
    metadata,
    Column("key_mark", Text, primary_key=True),
    Column("entry_id", BigInteger, Identity(always=True)),
    Column("account_id", Text, nullable=False),
    Column("livemode", Boolean, nullable=False),
)

stripe_verdicts = Table(  # what the last comparison of a month with Stripe's own list came to
    "stripe_verdicts",
    metadata,
    Column("month", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("compared_at", DateTime(timezone=True)),
    Column("content", JSONB, nullable=False),
    Column("not_read", Text),  # why the list could not be read since
)

stripe_failing = Table(  # the last failure of each org that may be everybody's; without a code once the org got through
    "stripe_failing",
    metadata,
    Column("org_id", Text, ForeignKey("flybill.organizations.org_id"), primary_key=True),
    Column("code", Text),
    Column("failed_at", DateTime(timezone=True), nullable=False),
    Column("others_passed", Boolean, nullable=False, server_default="false"),  # another org got through since
)

stripe_slots = Table(  # when the next call may leave, of each endpoint and of the account; not kept over a crash
    "stripe_slots",
    metadata,
    Column("lane", Text, primary_key=True),
    Column("next_at", DateTime(timezone=True), nullable=False),
    Column("step", Interval, nullable=False),  # until the one after it
    Column("counts_until", ARRAY(DateTime(timezone=True)), nullable=False),  # of each call of the last second
    prefixes=["UNLOGGED"],
)

stripe_sync_runs = Table(  # the heartbeat of each run of the sync, written every second or so while it lasts
    "stripe_sync_runs",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("month", Text, nullable=False),
    Column("shard", SmallInteger),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("beat_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("calls", Integer, nullable=False),
    Column("rate_limited", Integer, nullable=False),
    Column("calls_per_minute", Integer, nullable=False),
    Column("endpoint_per_minute", Integer, nullable=False),  # the limits that the run keeps to
    Column("account_per_minute", Integer, nullable=False),
    Index("stripe_sync_runs_month", "month", "beat_at"),
)

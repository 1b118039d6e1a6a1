"""The tables of credit notes as SQLAlchemy sees them: what was decided, how far it is at Stripe. No queries here."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    func,
)

from flybill_pipeline.stores.postgres.tables import metadata
from flybill_pipeline.stores.sync.tables import sending_columns

credit_notes = Table(  # insert only
    "credit_notes",
    metadata,
    Column("credit_note_id", Text, primary_key=True),
    Column("number", Text, nullable=False, unique=True),
    Column("invoice_id", Text, nullable=False),
    Column("line_no", Integer, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("nth", Integer, nullable=False),  # of the same invoice, line, amount and reason
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    UniqueConstraint("invoice_id", "line_no", "amount_minor", "reason", "nth"),
    ForeignKeyConstraint(
        ["invoice_id", "line_no"], ["flybill.invoice_lines.invoice_id", "flybill.invoice_lines.line_no"]
    ),
)

stripe_credit_notes = Table(  # one row each, made with it
    "stripe_credit_notes",
    metadata,
    Column("credit_note_id", Text, ForeignKey("flybill.credit_notes.credit_note_id"), primary_key=True),
    Column("stripe_line_id", Text),  # the plan, committed before it is sent
    Column("balance_minor", BigInteger),  # the plan, then what Stripe did
    Column("sent_minor", BigInteger),  # the plan: what is taken off the line, without any tax
    Column("total_minor", BigInteger),  # what it came to at Stripe, with its tax
    Column("stripe_credit_note_id", Text, unique=True),
    Column("stripe_number", Text),
    Column("issued_at", DateTime(timezone=True)),
    *sending_columns(),
)

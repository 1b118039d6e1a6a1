"""An event's id as the catalog can keep it. Lakes that are older than the limits of intake may hold others."""

from flybill_pipeline.billing.usage.texts import LONGEST_KEY_BYTES

HASHED = "sha256:"
CANNOT_BE_KEPT = f"(strlen(event_id) > {LONGEST_KEY_BYTES} or event_id like '%' || chr(0) || '%')"
"""SQL: whether no database can keep the id in a key."""

KEPT_ID = f"case when {CANNOT_BE_KEPT} then '{HASHED}' || sha256(event_id) else event_id end"
"""SQL: the id, or a hash of one that cannot be kept."""

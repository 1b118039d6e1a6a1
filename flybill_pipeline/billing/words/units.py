"""What units of usage are called, of those that price books often have. Another unit stays as it is written."""

from collections.abc import Mapping

from flybill_pipeline.billing.words.sentence import Sentence, counted

UNITS: Mapping[str, Sentence] = {
    unit.text: unit
    for unit in (
        counted("second", "seconds", count=1),
        counted("minute", "minutes", count=1),
        counted("hour", "hours", count=1),
        counted("day", "days", count=1),
        counted("build minute", "build minutes", count=1),
        counted("request", "requests", count=1),
        counted("event", "events", count=1),
        counted("token", "tokens", count=1),
        counted("message", "messages", count=1),
        counted("user", "users", count=1),
        counted("seat", "seats", count=1),
        counted("address", "addresses", count=1),
        counted("GB-hour", "GB-hours", count=1),
        counted("dollar", "dollars", count=1),
    )
}
"""By what one of them is called in a price book."""

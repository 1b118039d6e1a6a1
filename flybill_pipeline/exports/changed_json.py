"""What made a bill another than the one before, as JSON. No number is made here."""

from decimal import Decimal

from flybill_pipeline.billing.invoicing.changes import Change
from flybill_pipeline.billing.money.decimals import plain
from flybill_pipeline.billing.words.changes import difference_words, name_words
from flybill_pipeline.billing.words.sentence import Language, say, shown
from flybill_pipeline.exports.shapes import ChangedJson, DifferenceJson
from flybill_pipeline.questions.changed import Changed


def changed_data(changed: Changed, language: Language) -> ChangedJson:
    """All of it."""
    return {
        "month_before": str(changed.before),
        "days": changed.days,
        "total_minor": changed.now_minor,
        "total_before_minor": changed.before_minor,
        "message": say(language, *changed.words),
        "differences": [_difference(each, changed.currency, language) for each in changed.changes],
    }


def _difference(change: Change, currency: str, language: Language) -> DifferenceJson:
    unit = change.unit
    return {
        "kind": change.kind,
        "meter": change.meter,
        "name": shown(language, name_words(change)),
        "dimensions": dict(change.dimensions),
        "unit": unit,
        "quantity": _plain(change.after.quantity) if unit else None,
        "quantity_before": _plain(change.before.quantity) if unit else None,
        "amount_minor": change.after.minor,
        "amount_before_minor": change.before.minor,
        "message": say(language, difference_words(change, currency)),
    }


def _plain(quantity: Decimal | None) -> str | None:
    return None if quantity is None else plain(quantity)

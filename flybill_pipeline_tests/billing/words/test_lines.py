"""What a line says that was made some time ago: its description is on record as it was written then."""

from decimal import Decimal

import pytest

from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.words.english import ENGLISH
from flybill_pipeline.billing.words.lines import line_words
from flybill_pipeline.billing.words.sentence import say
from flybill_pipeline.languages.chosen import language

MONTH = Month(2025, 10)
RECORDED = {
    "Early bird: 12.5% off": ("Early bird: 12.5% off", "Early bird: 12,5 % Rabatt"),
    "Early bird: 12.5 % off": ("Early bird: 12.5% off", "Early bird: 12,5 % Rabatt"),
    "Early bird: $3.00 off": ("Early bird: a discount", "Early bird: Rabatt"),
    "100% off: 20% off": ("100% off: 20% off", "100% off: 20 % Rabatt"),
}


@pytest.mark.parametrize("description", RECORDED)
def test_a_discount_is_said_as_it_was_recorded_whenever_that_was(description: str) -> None:
    line = LineItem(
        "discount", "id", None, {}, MONTH, Decimal(1), None, Decimal("-3"), -300, "usd", description=description
    )
    assert tuple(say(each, line_words(line)) for each in (ENGLISH, language("de"))) == RECORDED[description]

"""What a line says that was made some time ago: its description is on record as it was written then."""

from decimal import Decimal

import pytest

from flybill_pipeline.billing.invoicing.late_usage import LESS_BILLED, BilledLine, difference
from flybill_pipeline.billing.money.period import Month
from flybill_pipeline.billing.pricing.line_items import LineItem
from flybill_pipeline.billing.pricing.portions import Portion
from flybill_pipeline.billing.pricing.working import WorkingStep
from flybill_pipeline.billing.words.english import ENGLISH
from flybill_pipeline.billing.words.lines import line_words
from flybill_pipeline.billing.words.sentence import say
from flybill_pipeline.exports.looks import environment, templates
from flybill_pipeline.languages.chosen import language

MONTH = Month(2025, 10)
RECORDED = {
    "Early bird: 12.5% off": ("Early bird: 12.5% off", "Early bird: 12,5 % Rabatt"),
    "Early bird: 12.5 % off": ("Early bird: 12.5% off", "Early bird: 12,5 % Rabatt"),
    "Early bird: $3.00 off": ("Early bird: $3.00 off", "Early bird: 3,00 $ Rabatt"),
    "Early bird: $5.00 off": ("Early bird: a discount", "Early bird: Rabatt"),
    "100% off: 20% off": ("100% off: 20% off", "100% off: 20 % Rabatt"),
}


@pytest.mark.parametrize("description", RECORDED)
def test_a_discount_is_said_as_it_was_recorded_whenever_that_was(description: str) -> None:
    line = LineItem(
        "discount", "id", None, {}, MONTH, Decimal(1), None, Decimal("-3"), -300, "usd", description=description
    )
    assert tuple(say(each, line_words(line)) for each in (ENGLISH, language("de"))) == RECORDED[description]


def test_a_line_less_what_was_billed_is_said_as_a_difference_of_discounts_too() -> None:
    """Its quantity is the difference as well: "600 seconds, less what was billed" would be taken off twice."""
    line = LineItem(
        "adjustment", "id", "seconds", {}, MONTH, Decimal(1100), "second", Decimal(9), 900, "usd", "Machines"
    )
    billed = BilledLine(MONTH, "usage", "id", "seconds", {}, MONTH, Decimal(500), "second", 400, "usd", "Machines")
    line = line._replace(working=(WorkingStep("units", Decimal(9), Decimal(1100)),))
    off = line._replace(kind="discount", meter=None, unit=None, description="Early bird: 10% off")
    german = [
        say(language("de"), line_words(difference(each, [billed])._replace(kind=each.kind))) for each in (line, off)
    ]
    assert german == [
        "seconds · 600 Sekunden: der Unterschied zum bereits Berechneten",
        "Early bird: 10 % Rabatt: der Unterschied zum bereits Berechneten",
    ]


def test_a_line_of_some_days_says_which_in_other_languages_too() -> None:
    """Else two lines of a product, at two prices, read alike."""
    line = LineItem("usage", "id", "seconds", {}, MONTH, Decimal(700), "second", Decimal(7), 700, "usd", "")
    described = "Machines · 700 seconds @ $0.01, from 2025-10-01 to 2025-10-09"
    for ending in ("", LESS_BILLED, f"{LESS_BILLED} (2025-10)"):
        german = say(language("de"), line_words(line._replace(description=described + ending)))
        assert german == "seconds · 700 Sekunden, vom 1. Oktober 2025 bis zum 9. Oktober 2025"
    named = line._replace(description="from 2025-10-01 to 2025-10-09 · 700 seconds")
    assert say(language("de"), line_words(named)) == "seconds · 700 Sekunden"


MINIMUMS = {
    "Minimum of $10.00 for 21 of 30 days, $6.00 of it used": "Mindestbetrag von 10,00 $ für 21 von 30 Tagen, davon ",
    "Minimum of KWD 10.000 for 21 of 30 days, KWD 6.000 of it used": "Mindestbetrag von 10,00 $ für 21 von 30 Tagen, ",
    "Minimum of $10.00 a month, $6.00 of it used": "Mindestbetrag von 10,00 $ im Monat, davon ",
    "Minimum of $10.00 a month ($4.00 for 9 and $6.00 for 21 of 30 days), $6.00 of it used": "Mindestbetrag von ",
}


@pytest.mark.parametrize("description", MINIMUMS)
def test_a_minimum_says_its_days_and_is_said_as_a_difference_where_it_is_one(description: str) -> None:
    step = WorkingStep("minimum_spend", Decimal(4), limit=Decimal(10))
    line = LineItem("true_up", "id", None, {}, MONTH, Decimal(1), None, Decimal(4), 400, "usd", description)
    line = line._replace(working=(step,))
    told = say(language("de"), line_words(line))
    assert told.startswith(MINIMUMS[description]) and "6,00 $ verbraucht" in told
    billed = BilledLine(MONTH, "true_up", "id", None, {}, MONTH, Decimal(1), None, 700, "usd", description)
    late = difference(line, [billed])
    assert say(language("de"), line_words(late)) == f"{told}: der Unterschied zum bereits Berechneten"


def test_a_late_item_without_parts_keeps_its_name_and_is_said_as_a_difference() -> None:
    line = LineItem("one_off", "id", None, {}, MONTH, Decimal(1), None, Decimal(4), 400, "usd", "Setup")
    line = line._replace(working=(WorkingStep("one_off", Decimal(4)),))
    billed = BilledLine(MONTH, "one_off", "id", None, {}, MONTH, Decimal(1), None, 700, "usd", "Setup")
    told = say(language("de"), line_words(difference(line, [billed])))
    assert told == "Setup: der Unterschied zum bereits Berechneten"


@pytest.mark.parametrize(("code", "expected"), [("en", "without app and size, web"), ("de", "ohne app · size, web")])
def test_what_a_line_is_shown_by_is_said_in_the_language_of_its_reader(code: str, expected: str) -> None:
    """What has no value is words of ours; a value is somebody's own."""
    parts = [Portion(values, Decimal(1), 100) for values in ({"app": "", "size": ""}, {"app": "web", "size": ""})]
    template = environment(templates(), language(code)).from_string(
        "{% for part in parts %}{{ part | part_name }}{{ ', ' if not loop.last }}{% endfor %}"
    )
    assert template.render(parts=parts) == expected

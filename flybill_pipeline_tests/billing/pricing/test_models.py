"""A price model is one value in one file, and whatever it lacks is named. What each one charges: test_rating.py."""

from dataclasses import MISSING, fields
from decimal import Decimal
from pathlib import Path

import pytest

from flybill_pipeline.billing.pricing import models
from flybill_pipeline.billing.pricing.models import MODELS
from flybill_pipeline.billing.pricing.prices import Price, PriceModel
from flybill_pipeline.billing.pricing.rating import rate
from flybill_pipeline_tests.billing.pricing.books import tier

FILES = {file.stem for file in Path(models.__path__[0]).glob("*.py")} - {"__init__"}


def test_every_file_is_one_model_of_its_name_and_is_known_by_it() -> None:
    assert set(MODELS) == FILES
    assert {name: model.name for name, model in MODELS.items()} == {name: name for name in FILES}


@pytest.mark.parametrize("part", [field.name for field in fields(PriceModel)])
def test_a_model_cannot_be_made_without_any_of_its_parts(part: str) -> None:
    whole = {field.name: getattr(models.FLAT, field.name) for field in fields(PriceModel)}
    assert all(field.default is field.default_factory is MISSING for field in fields(PriceModel))
    with pytest.raises(TypeError, match=f"'{part}'"):
        PriceModel(**{name: value for name, value in whole.items() if name != part})


@pytest.mark.parametrize("model", MODELS.values(), ids=str)
def test_what_a_model_takes_is_a_field_of_a_price_and_says_something(model: PriceModel) -> None:
    known = {field.name for field in fields(Price)}
    assert {field.name for field in model.fields} <= known
    price = Price("m", model, unit_amount=Decimal(3), rate=Decimal(2), tiers=(tier("5", "1"), tier(None, "2")))
    assert model.words(price, "usd").strip(" ,@")
    assert rate(price, Decimal(7)).amount > 0
